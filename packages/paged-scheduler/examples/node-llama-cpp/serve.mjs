// Serves six prompts at once through llama.cpp, in a pool too small for all of them:
//   node serve.mjs MODEL.gguf
// Then answers each prompt alone, and says whether the tokens are the same.
import { spawnSync } from "node:child_process";
import { NgramProposer, Scheduler } from "@x/paged-scheduler";
import { LlamaRuntime } from "./llama-runtime.mjs";

const [modelPath] = process.argv.slice(2);
if (modelPath === undefined) {
  process.stderr.write("usage: node serve.mjs MODEL.gguf\n");
  process.exit(1);
}

// node-llama-cpp 3.21.1 samples the sequences of a batch on several threads at a time, and then
// some get the logits of others: 8 of 40 batches of three sequences here, and none with one thread.
// Node reads this variable before any code of ours runs, hence a second process.
if (process.env.UV_THREADPOOL_SIZE !== "1") {
  const { status } = spawnSync(process.execPath, process.argv.slice(1), {
    stdio: "inherit",
    env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
  });
  process.exit(status ?? 1);
}

const prompts = [
  "The capital of France is",
  "Once upon a time there was a fox who",
  "one two three one two three one two three one two",
  "Water boils at",
  "The three primary colours are red, blue and",
  "To make bread you need flour, water, yeast and salt. First,",
];
const maxTokens = 24;
const maxSequences = 4;

async function serve(runtime, texts, options) {
  const scheduler = new Scheduler({
    maxSequences,
    // llama.cpp does not share blocks between sequences.
    prefixCaching: false,
    eosTokenIds: [runtime.endOfSequence],
    ...options,
  });
  const proposer = new NgramProposer({ minTokens: 2, numDraftTokens: 3 });
  const answers = texts.map(() => []);
  texts.forEach((text, index) => {
    scheduler.addRequest({ id: `${index}`, promptTokens: runtime.tokenize(text), maxTokens });
  });
  while (scheduler.numUnfinishedRequests > 0) {
    const step = scheduler.schedule();
    options.onStep?.(step);
    for (const { id, newTokens, finishReason } of scheduler.update(step, await runtime.run(step))) {
      answers[id].push(...newTokens);
      if (finishReason !== undefined) continue;
      scheduler.setDraftTokens(id, proposer.propose(scheduler.request(id).tokens));
    }
  }
  // The last requests end after the last step.
  await runtime.run(scheduler.schedule());
  return { answers, stats: scheduler.stats() };
}

const runtime = await LlamaRuntime.load({ modelPath, numSlots: 1024, maxSequences });

process.stdout.write("step  tokens  requests (tokens each, * with drafts)\n");
const { answers, stats } = await serve(runtime, prompts, {
  numBlocks: 11,
  blockSize: 8,
  maxBatchedTokens: 16,
  onStep: ({ step, numScheduledTokens, scheduled, preemptedIds }) => {
    const requests = scheduled.map(
      ({ id, numScheduledTokens: tokens, draftTokens }) =>
        `${id}:${tokens}${draftTokens.length > 0 ? "*" : ""}`,
    );
    const preempted = preemptedIds.length > 0 ? `   preempted ${preemptedIds}` : "";
    process.stdout.write(
      `${`${step}`.padStart(4)}  ${`${numScheduledTokens}`.padStart(6)}  ${requests.join(" ")}${preempted}\n`,
    );
  },
});

let numEqual = 0;
for (const [index, prompt] of prompts.entries()) {
  const alone = await serve(runtime, [prompt], { numBlocks: 100 });
  const equal = alone.answers[0].join() === answers[index].join();
  if (equal) numEqual++;
  const text = runtime.detokenize(answers[index]).replaceAll("\n", " ");
  process.stdout.write(`\n${prompt} …${text}\n  ${equal ? "as" : "NOT as"} when served alone\n`);
}
const { numSteps, numPreemptions, speculation } = stats;
process.stdout.write(
  `\n${numSteps} steps, ${numPreemptions} preemptions, ${speculation.numAcceptedTokens} of ${speculation.numDraftTokens} drafts accepted, ${numEqual} of ${prompts.length} answers equal\n`,
);
await runtime.dispose();
