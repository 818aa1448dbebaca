import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Outside the workspace, so that no user installs the peers. */
export const peersDirectory = fileURLToPath(new URL("../peers/", import.meta.url));

/** Imports a module of `bench/peers`, with the packages that it needs. */
export async function importPeer<Module>(
  file: string,
  log: (line: string) => void,
): Promise<Module> {
  installPeers(log);
  return (await import(new URL(`../peers/${file}`, import.meta.url).href)) as Module;
}

/** Installs the peers' packages at the first run. */
export function installPeers(log: (line: string) => void): void {
  if (areInstalled()) return;
  log("installing the peers …");
  const install = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock"], {
    cwd: peersDirectory,
    // The package brings its processor code; its install step would fetch the CUDA one, 300 MB.
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" },
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (install.status !== 0) throw new Error("the peers could not be installed");
}

/** Whether every peer lies there: an earlier release may have installed fewer. */
function areInstalled(): boolean {
  const { dependencies } = JSON.parse(readFileSync(`${peersDirectory}package.json`, "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return Object.keys(dependencies).every((name) =>
    existsSync(`${peersDirectory}node_modules/${name}`),
  );
}
