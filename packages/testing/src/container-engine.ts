import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ENGINE_TIMEOUT_MS = 5_000;
/** A slow or absent registry must not cost more than going without it. */
const PULL_TIMEOUT_MS = 60_000;

/**
 * Why containers of these images can't be started here: no engine answers, or an image is neither there nor pulled
 * within a minute. Undefined where they can.
 */
export async function lackOfContainers(images: readonly string[]): Promise<string | undefined> {
  try {
    await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: ENGINE_TIMEOUT_MS });
  } catch {
    return 'the engine does not answer';
  }
  for (const image of images) {
    try {
      await run('docker', ['image', 'inspect', image], { timeout: ENGINE_TIMEOUT_MS });
    } catch {
      try {
        await run('docker', ['pull', '--quiet', image], { timeout: PULL_TIMEOUT_MS });
      } catch {
        return `${image} is not there and could not be pulled within a minute`;
      }
    }
  }
  return undefined;
}
