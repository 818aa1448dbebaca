import { browserTestConfig } from "../../scripts/browser-test-config";

export default browserTestConfig("@x/attention-linear");
