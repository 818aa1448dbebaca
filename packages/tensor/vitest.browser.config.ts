import { browserTestConfig } from "../../scripts/browser-test-config";

export default browserTestConfig("@x/tensor", ["gpu.js"]);
