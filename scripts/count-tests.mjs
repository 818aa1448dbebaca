// Sums the test reports of all packages into one closing line, and fails when a test failed or
// when there was none.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const counts = { passed: 0, failed: 0 };

for (const folder of ["packages", "apps"].flatMap((parent) =>
  readdirSync(parent).map((name) => join(parent, name, ".test-results")),
)) {
  if (!existsSync(folder)) continue;
  for (const file of readdirSync(folder)) {
    const report = JSON.parse(readFileSync(join(folder, file), "utf8"));
    counts.passed += report.numPassedTests;
    // A file that fails to load has no failed test of its own.
    counts.failed += report.success ? 0 : Math.max(1, report.numFailedTests);
  }
}

process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
process.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0);
