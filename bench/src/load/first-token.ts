import { loadModel } from "@x/models";
import { openFile } from "@x/models/node";

/** What a process reports that has loaded a model and written one token. */
export interface FirstTokenReport {
  /** Since the process began. */
  readonly elapsedMs: number;
  readonly peakBytes: number;
  /** Keys and values of the prompt. */
  readonly cacheBytes: number;
}

const source = await openFile(process.argv[2] ?? "");
using language = await loadModel(source);
await source.close();
using state = language.createState();
const prompt = language.encodeChat([{ role: "user", content: "Hello" }]);
for await (const event of language.generate(prompt, { state, maxTokens: 1, temperature: 0 })) {
  if (event.type !== "text-delta") continue;
  const report: FirstTokenReport = {
    elapsedMs: performance.now(),
    peakBytes: process.resourceUsage().maxRSS * 1024,
    cacheBytes: state.bytes,
  };
  process.stdout.write(JSON.stringify(report));
}
