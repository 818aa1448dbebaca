import { defineConfig } from "vitest/config";
export default defineConfig({
  test: {
    include: ["test/structured/prof.test.ts"],
    pool: "forks",
    execArgv: ["--cpu-prof", "--cpu-prof-dir=/tmp/structured/prof"],
    fileParallelism: false,
    testTimeout: 100000,
  },
});
