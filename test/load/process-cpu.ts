import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second in /proc; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Where these stand behind the command's name in /proc/<pid>/stat (proc(5): fields 4 and 14 to 17). */
const PARENT = 1;
const UTIME = 11;
const STIME = 12;
const CUTIME = 13;
const CSTIME = 14;

/** CPU time of a process, all its threads, user and system, in seconds; steps of 10 ms. */
export function processCpuSeconds(pid: number): number {
  return ticks(statOf(pid), UTIME, STIME) / TICKS_PER_SECOND;
}

/** The same of a process with its children, those that have ended and been waited for too. */
export function familyCpuSeconds(pid: number): number {
  let sum = ticks(statOf(pid), UTIME, STIME, CUTIME, CSTIME);
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = statOf(Number(name));
      if (Number(stat[PARENT]) === pid) sum += ticks(stat, UTIME, STIME, CUTIME, CSTIME);
    } catch {
      // Ended since it was listed: its parent has it now, or will.
    }
  }
  return sum / TICKS_PER_SECOND;
}

function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function ticks(stat: readonly string[], ...fields: number[]): number {
  return fields.reduce((sum, field) => sum + Number(stat[field]), 0);
}
