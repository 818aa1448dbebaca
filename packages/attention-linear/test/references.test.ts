import {
  add,
  createDevice,
  type Device,
  div,
  mul,
  sum,
  type Tensor,
  tensor,
  tidy,
  valueAndGrad,
} from "@x/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSafetensors } from "../../../tools/testing/read-safetensors";
import {
  deltaRule,
  gatedDeltaRule,
  gatedLinearAttention,
  linearAttention,
  lshAttention,
  type RecurrenceForm,
  type RecurrenceOptions,
  type RecurrenceResult,
  retention,
  stateSpaceDuality,
  taylorFeatures,
} from "../src/index";
import { relativeError } from "./support/relative-error";

const fixture = readSafetensors(new URL("fixtures/linear-attention.safetensors", import.meta.url));

type Operands = Record<string, Tensor>;
type Run = (operands: Operands, options: RecurrenceOptions) => RecurrenceResult;

/** What each case of `tools/oracles/linear_attention.py` is here, and its operands. */
const cases: Record<string, { operands: string[]; tolerance: number; run: Run }> = {
  linear: {
    operands: [],
    tolerance: 2e-4,
    run: ({ queries, keys, values }, options) =>
      linearAttention(queries!, keys!, values!, { ...options, epsilon: 1e-10 }),
  },
  linear_unnormalized: {
    operands: ["initial_state"],
    tolerance: 2e-4,
    run: ({ queries, keys, values }, options) =>
      linearAttention(queries!, keys!, values!, { ...options, normalize: false }),
  },
  taylor: {
    operands: [],
    tolerance: 2e-4,
    run: ({ queries, keys, values }, options) =>
      linearAttention(queries!, keys!, values!, { ...options, featureMap: taylorFeatures }),
  },
  retention: {
    operands: [],
    tolerance: 2e-4,
    run: ({ queries, keys, values }, options) => retention(queries!, keys!, values!, options),
  },
  gla: {
    operands: ["vector_gates", "initial_state"],
    tolerance: 2e-4,
    run: ({ queries, keys, values, vector_gates: gates }, options) =>
      gatedLinearAttention(queries!, keys!, values!, gates!, options),
  },
  ssd: {
    operands: ["delta", "a", "initial_state"],
    tolerance: 2e-4,
    run: ({ queries, keys, values, delta, a }, options) =>
      stateSpaceDuality({ c: queries!, b: keys!, x: values!, delta: delta!, a: a! }, options),
  },
  delta: {
    operands: ["beta", "initial_state"],
    tolerance: 1e-3,
    run: ({ queries, keys, values, beta }, options) =>
      deltaRule(queries!, keys!, values!, beta!, { ...options, normalizeKeys: false }),
  },
  gated_delta: {
    operands: ["beta", "gates", "initial_state"],
    tolerance: 1e-3,
    run: ({ queries, keys, values, beta, gates }, options) =>
      gatedDeltaRule(queries!, keys!, values!, beta!, gates!, {
        ...options,
        normalizeKeys: false,
      }),
  },
};

const forms: RecurrenceForm[] = ["recurrent", "chunked", "parallel"];

describe("against flash-linear-attention and reformer-pytorch", () => {
  let device: Device;
  beforeAll(async () => {
    device = await createDevice("wasm");
  });
  afterAll(() => {
    expect(device.memory()).toMatchObject({ tensors: 0, bytes: 0 });
    device.dispose();
  });

  const load = (name: string) => {
    const { shape, values } = fixture.tensor(name);
    const dtype = values instanceof Int32Array ? "int32" : "float32";
    return tensor(values, shape, { device, dtype });
  };
  const numbers = (name: string) => fixture.tensor(name).values;

  it.each(Object.keys(cases).flatMap((name) => forms.map((form) => ({ name, form }))))(
    "$name, $form: output, state and gradients",
    ({ name, form }) => {
      const { operands: extra, tolerance, run } = cases[name]!;
      tidy(() => {
        const names = ["queries", "keys", "values", ...extra];
        const operands = Object.fromEntries(names.map((one) => [one, load(`${name}.${one}`)]));
        const hasState = extra.includes("initial_state");
        const { gradients } = valueAndGrad((own: Operands) => {
          const initialState = own.initial_state;
          const result = run(own, { form, chunkSize: 32, ...(initialState && { initialState }) });
          const { output, finalState } = result;
          expect(relativeError(output.dataSync(), numbers(`${name}.output`))).toBeLessThan(
            tolerance,
          );
          const loss = sum(mul(output, load(`${name}.output_gradient`)));
          if (!hasState) return loss;
          const state = numbers(`${name}.state`);
          expect(relativeError(finalState.dataSync(), state)).toBeLessThan(tolerance);
          return add(loss, sum(mul(finalState, load(`${name}.state_gradient`))));
        })(operands);
        for (const one of names) {
          const error = relativeError(
            gradients[one]!.dataSync(),
            numbers(`${name}.${one}_gradient`),
          );
          expect(error, `gradient of ${one}`).toBeLessThan(tolerance);
        }
      });
    },
  );

  const lshCases = JSON.parse(fixture.metadata.cases!) as Record<
    string,
    { rounds: number; causal: boolean; across: boolean; duplicates?: boolean }
  >;

  it.each(Object.keys(lshCases))("%s: output and gradients", (name) => {
    const { rounds, causal, across, duplicates = false } = lshCases[name]!;
    tidy(() => {
      const heads = (one: Tensor) => one.expandDims(2); // [B, T, 1, D]
      const { gradients } = valueAndGrad(({ queries, values }: Operands) => {
        const output = lshAttention(heads(queries!), heads(values!), {
          bucketSize: 8,
          rounds,
          causal,
          acrossBuckets: across,
          allowDuplicates: duplicates,
          buckets: load(`${name}.buckets`).expandDims(1),
          seed: 0,
        }).squeeze(2);
        // The reference subtracts from scores of -5e4, whose neighbours in float32 are 0.004 away.
        expect(relativeError(output.dataSync(), numbers(`${name}.output`))).toBeLessThan(5e-4);
        return sum(mul(output, load(`${name}.output_gradient`)));
      })({ queries: load(`${name}.queries`), values: load(`${name}.values`) });
      for (const one of ["queries", "values"]) {
        const error = relativeError(gradients[one]!.dataSync(), numbers(`${name}.${one}_gradient`));
        expect(error, `gradient of ${one}`).toBeLessThan(2e-4);
      }
    });
  });

  it("and the scale of scores is an option", () => {
    tidy(() => {
      const [queries, values] = ["queries", "values"].map((one) =>
        load(`lsh_causal.${one}`).expandDims(2),
      );
      const options = { bucketSize: 8, rounds: 1, seed: 1 };
      const twice = lshAttention(mul(queries!, 2), values!, options).dataSync();
      const scaled = lshAttention(queries!, values!, { ...options, scale: 2 / Math.sqrt(8) });
      const halved = lshAttention(div(queries!, 2), values!, options).dataSync();
      expect(relativeError(scaled.dataSync(), twice)).toBeLessThan(1e-5);
      expect(relativeError(scaled.dataSync(), halved)).toBeGreaterThan(0.1);
    });
  });
});
