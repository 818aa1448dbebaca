import { deviceCases } from "./support/devices";
import { readFixture } from "./support/read-fixture";
import { digitsSuite } from "./tables/digits-suite";

const fixture = readFixture("torch-digits");

for (const deviceCase of deviceCases) digitsSuite(deviceCase, fixture);
