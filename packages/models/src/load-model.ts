import {
  createDevice,
  type Device,
  type DeviceName,
  type KernelChoice,
  type WasmBuild,
} from "@x/tensor";
import { Llama } from "./architectures/llama";
import { readLlamaConfig } from "./architectures/llama-config";
import { loadLlamaWeights, type WeightLoadingOptions } from "./architectures/llama-weights";
import { RecurrentModel } from "./architectures/recurrent";
import { loadRecurrentWeights, readRecurrentConfig } from "./architectures/recurrent-weights";
import type { CausalLM } from "./causal-lm";
import { ChatTemplate } from "./chat/chat-template";
import { InvalidArgumentError, UnsupportedModelError } from "./errors";
import type { ByteSource } from "./gguf/byte-source";
import { fingerprintGguf } from "./gguf/fingerprint-gguf";
import { type GgufFile, readGguf } from "./gguf/read-gguf";
import { LanguageModel } from "./language-model";
import { Tokenizer } from "./tokenizer/tokenizer";

/** Settings of {@link loadModel}. */
export interface LoadModelOptions extends WeightLoadingOptions {
  /** Default: the fastest that runs here. */
  readonly device?: DeviceName | undefined;
  /** `gpujs` runs every operation by its gpu.js definition. Default `auto`. */
  readonly kernels?: KernelChoice | undefined;
  /** The build of the SIMD kernels, on `wasm` only; see `createDevice`. */
  readonly build?: WasmBuild | undefined;
  /** Threads that compute; see `createDevice`. Results do not depend on it. */
  readonly threads?: number | undefined;
  /**
   * The fewest bits of an activation in products with `q4_0`, `q4_1` and `q8_0` weights; see
   * `createDevice`. Default 16.
   */
  readonly activationBits?: 8 | 16 | undefined;
}

/**
 * Loads a language model from a GGUF file. Everything that can be checked is checked before memory
 * is taken for the weights; the weights are read straight into the device's memory, packed.
 *
 * @param source - An open file: `openFile` of `@x/models/node`, or a Blob in a browser. It can be
 * closed afterwards.
 * @throws {GgufError} when the file is damaged, {@link UnsupportedModelError} when its architecture,
 * quantization or tokenizer has no implementation here; the signal's reason when aborted. All memory
 * is given back then.
 *
 * @example
 * ```ts
 * const file = await openFile(await resolveModel("smollm2-135m-instruct"));
 * using model = await loadModel(file);
 * const prompt = model.encodeChat([{ role: "user", content: "Name three rivers." }]);
 * for await (const event of model.generate(prompt, { maxTokens: 64 })) {
 *   if (event.type === "text-delta") process.stdout.write(event.text);
 * }
 * ```
 */
export async function loadModel(
  source: ByteSource,
  {
    device: deviceName,
    kernels,
    build,
    threads,
    activationBits,
    signal,
    onProgress,
  }: LoadModelOptions = {},
): Promise<LanguageModel> {
  if (typeof source?.read !== "function") {
    throw new InvalidArgumentError(
      "loadModel: the source is not an open file; use openFile, byteSourceFromBlob or byteSourceFromBuffer",
    );
  }
  const file = await readGguf(source, { ...(signal && { signal }) });
  const plan = readPlan(file);
  const tokenizer = Tokenizer.fromGguf(file.metadata);
  const chatTemplate = ChatTemplate.fromGguf(file.metadata, tokenizer);
  const device = await createDevice(deviceName, {
    ...(kernels && { kernels }),
    ...(build && { build }),
    ...(threads !== undefined && { threads }),
    ...(activationBits !== undefined && { activationBits }),
  });
  try {
    const model = await plan.load(file, device, { signal, onProgress });
    const fingerprint = await fingerprintGguf(file, model.config, signal);
    const name = file.metadata.getString("general.name", source.name);
    return new LanguageModel({ name, fingerprint, model, tokenizer, chatTemplate });
  } catch (error) {
    (device satisfies Device).dispose();
    throw error;
  }
}

/** How the model of a checkpoint is made, its sizes read and checked. */
interface ModelPlan {
  load(file: GgufFile, device: Device, options: WeightLoadingOptions): Promise<CausalLM>;
}

function readPlan(file: GgufFile): ModelPlan {
  const architecture = file.metadata.getString("general.architecture");
  switch (architecture) {
    case "llama": {
      const config = readLlamaConfig(file);
      return {
        load: async (own, device, options) =>
          new Llama(config, await loadLlamaWeights(own, config, device, options), device),
      };
    }
    case "lstm":
    case "gru": {
      const config = readRecurrentConfig(file, architecture);
      return {
        load: async (own, device, options) =>
          new RecurrentModel(
            config,
            await loadRecurrentWeights(own, config, device, options),
            device,
          ),
      };
    }
    default:
      throw new UnsupportedModelError(
        `architecture "${architecture}" has no implementation here; use a llama, lstm or gru model`,
        { architecture },
      );
  }
}
