import { DeviceError } from "../errors";

/**
 * A WebGL2 context of its own, whose textures can hold the results of kernels.
 *
 * @throws {DeviceError} saying what is missing.
 */
export function createGlContext(): WebGL2RenderingContext {
  const canvas = createCanvas();
  if (canvas === undefined) {
    throw new DeviceError("webgl: there is no canvas here; it needs a browser, use wasm in Node");
  }
  const context = canvas.getContext("webgl2", {
    antialias: false,
    depth: false,
    powerPreference: "high-performance",
  }) as WebGL2RenderingContext | null;
  if (context === null) {
    throw new DeviceError("webgl: the browser gave no WebGL2 context; use wasm");
  }
  if (context.getExtension("EXT_color_buffer_float") === null) {
    throw new DeviceError("webgl: the GPU cannot write float textures; use wasm");
  }
  return context;
}

/** Gives a context back; browsers have only a few. */
export function releaseGlContext(context: WebGL2RenderingContext): void {
  context.getExtension("WEBGL_lose_context")?.loseContext();
}

/** The GPU in words. */
export function describeGpu(context: WebGL2RenderingContext): string {
  const names = context.getExtension("WEBGL_debug_renderer_info");
  return String(context.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER));
}

function createCanvas(): HTMLCanvasElement | OffscreenCanvas | undefined {
  if (typeof OffscreenCanvas === "function") return new OffscreenCanvas(1, 1);
  return typeof document === "object" ? document.createElement("canvas") : undefined;
}
