import { describe, expect, inject, it } from "vitest";

const get = (path: string, request: RequestInit = {}) =>
  fetch(`${inject("serverUrl")}${path}`, request);

describe("the page's files", () => {
  it.each([
    ["/", "text/html; charset=utf-8"],
    ["/page.js", "text/javascript; charset=utf-8"],
    ["/page.css", "text/css; charset=utf-8"],
    ["/favicon.svg", "image/svg+xml"],
    ["/inter-latin-wght-normal.woff2", "font/woff2"],
  ])("%s says what it is and is sent once", async (path, contentType) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    const { headers } = response;
    expect(headers.get("content-type")).toBe(contentType);
    expect(headers.get("cache-control")).toBe("no-cache");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(100);

    const etag = headers.get("etag") ?? "";
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const again = await get(path, { headers: { "if-none-match": known } });
      expect(again.status).toBe(304);
      expect((await again.arrayBuffer()).byteLength).toBe(0);
    }
    expect((await get(path, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
    const head = await get(path, { method: "HEAD" });
    expect([head.status, (await head.arrayBuffer()).byteLength]).toEqual([200, 0]);
    expect((await get(path, { method: "POST" })).status).toBe(405);
  });

  it.each(["/index.html", "/cli.js", "/..%2fcli.js", "/%2e%2e/cli.js", "/page.js.map"])(
    "there is no %s",
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );
});
