import { readFileSync } from 'node:fs';

/** Clock ticks per second in /proc; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Where utime and stime stand behind the command's name in /proc/<pid>/stat (proc(5): fields 14 and 15). */
const UTIME = 11;
const STIME = 12;

/** CPU time of a process, all its threads, user and system, in seconds; steps of 10 ms. */
export function processCpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SECOND;
}
