import { Control, controlBytes, noChunks } from "./control";
import { executeChunk, executeWhole } from "./execute";
import { chunksOf, instructionBytes, isJoined, Opcode, opcodeOf } from "./instruction";

/**
 * Runs programs on several threads.
 *
 * A program is done phase by phase. Threads take the chunks of a phase by an atomic subtraction, and
 * the thread that does the last one starts the next phase: no barrier, no thread that is waited for
 * unless it holds a chunk. A thread that sleeps, comes late, or is not scheduled by the system costs
 * its part of the speed and nothing else. Which thread does a chunk makes no difference to its
 * result, so results do not depend on the number of threads.
 */

/** Looks at the position before a worker goes to sleep: some tenths of a millisecond. */
const workerSpins: i32 = 100000;

/** Looks at the position before the caller is told that nothing moves. */
const callerSpins: i32 = 100000;

/** Why {@link joinProgram} returned. */
namespace Outcome {
  export const Finished: i32 = 0;
  /** Another thread holds a chunk and is not done with it. */
  export const Waiting: i32 = 1;
  /** Another thread met an error. */
  export const Failed: i32 = 2;
}

/** Bytes of the control block that threads share. */
export function programControlBytes(): i32 {
  return controlBytes;
}

/** Bytes of an instruction. */
export function programInstructionBytes(): i32 {
  return instructionBytes as i32;
}

/** Wakes the threads that sleep. */
@inline
function wakeSleepers(control: usize): void {
  if (atomic.load<i32>(control, Control.sleepers) == 0) return;
  atomic.add<i32>(control, 1, Control.wake);
  atomic.notify(control + Control.wake, -1);
}

/** Starts the phase of `instruction`, after what precedes it and has no chunks. */
function startPhase(control: usize, instruction: usize, scratch: usize): void {
  while (opcodeOf(instruction) != Opcode.End && chunksOf(instruction) == 0) {
    executeWhole(instruction, scratch);
    instruction += instructionBytes;
  }
  const phase = (atomic.load<u64>(control, Control.position) >> 32) + 1;
  if (opcodeOf(instruction) == Opcode.End) {
    atomic.store<u64>(control, (phase << 32) | noChunks, Control.position);
    atomic.store<i32>(control, load<i32>(control, Control.run), Control.finished);
    return;
  }
  let chunks = chunksOf(instruction);
  for (let at = instruction; isJoined(at); at += instructionBytes) {
    chunks += chunksOf(at + instructionBytes);
  }
  store<usize>(control, instruction, Control.instruction);
  store<i32>(control, chunks, Control.chunks);
  atomic.store<i32>(control, 0, Control.done);
  atomic.store<u64>(control, (phase << 32) | (noChunks + (chunks as u32)), Control.position);
  wakeSleepers(control);
}

/** The first instruction after the phase of `instruction`. */
@inline
function afterPhase(instruction: usize): usize {
  while (isJoined(instruction)) instruction += instructionBytes;
  return instruction + instructionBytes;
}

/** Takes a chunk and does it. @returns whether there was one. */
@inline
function work(control: usize, thread: i32): bool {
  if ((atomic.load<u64>(control, Control.position) as u32) <= noChunks) return false;
  const left = (atomic.sub<u64>(control, 1, Control.position) as u32) as i32 - (noChunks as i32);
  if (left <= 0) return false;
  // The phase cannot end while a chunk of it is not done, so what describes it stays as it is.
  const instruction = load<usize>(control, Control.instruction);
  const chunks = load<i32>(control, Control.chunks);
  const scratch =
    load<usize>(control, Control.scratch) + thread * load<usize>(control, Control.scratchStride);
  executeChunk(instruction, chunks - left, scratch);
  if (atomic.add<i32>(control, 1, Control.done) + 1 == chunks) {
    startPhase(control, afterPhase(instruction), scratch);
  }
  return true;
}

/**
 * Starts a program. Call `joinProgram` until it is finished.
 *
 * @param scratch of the calling thread; thread i has its own `i * scratchStride` bytes further.
 */
export function startProgram(
  control: usize,
  program: usize,
  scratch: usize,
  scratchStride: usize,
): void {
  store<i32>(control, load<i32>(control, Control.run) + 1, Control.run);
  store<usize>(control, scratch, Control.scratch);
  store<usize>(control, scratchStride, Control.scratchStride);
  startPhase(control, program, scratch);
}

/** Works on the program that was started, on the thread that started it. */
export function joinProgram(control: usize): i32 {
  const run = load<i32>(control, Control.run);
  let spins = 0;
  while (atomic.load<i32>(control, Control.finished) != run) {
    if (work(control, 0)) {
      spins = 0;
      continue;
    }
    if (++spins < callerSpins) continue;
    return atomic.load<i32>(control, Control.failed) ? Outcome.Failed : Outcome.Waiting;
  }
  return Outcome.Finished;
}

/** Sleeps until there is a chunk to take or the workers are stopped. */
function sleep(control: usize): void {
  const seen = atomic.load<i32>(control, Control.wake);
  atomic.add<i32>(control, 1, Control.sleepers);
  // A phase that started before this thread counted as a sleeper did not wake it.
  const hasChunks = (atomic.load<u64>(control, Control.position) as u32) > noChunks;
  if (!hasChunks && atomic.load<i32>(control, Control.stop) == 0) {
    atomic.wait<i32>(control + Control.wake, seen, -1);
  }
  atomic.sub<i32>(control, 1, Control.sleepers);
}

/** Works on programs until `stopWorkers`; for threads that may block, numbered from 1. */
export function serve(control: usize, thread: i32): void {
  let spins = 0;
  while (atomic.load<i32>(control, Control.stop) == 0) {
    if (work(control, thread)) {
      spins = 0;
    } else if (++spins == workerSpins) {
      sleep(control);
      spins = 0;
    }
  }
}

/** Tells that a thread met an error, so that the program does not wait for it. */
export function reportFailure(control: usize): void {
  atomic.store<i32>(control, 1, Control.failed);
}

/** Lets the workers leave `serve`. */
export function stopWorkers(control: usize): void {
  atomic.store<i32>(control, 1, Control.stop);
  atomic.add<i32>(control, 1, Control.wake);
  atomic.notify(control + Control.wake, -1);
}
