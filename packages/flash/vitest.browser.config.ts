import { browserTestConfig } from "../../scripts/browser-test-config";
import { gpujsAsShipped } from "./scripts/bundle-gpujs";

export default {
  ...browserTestConfig("@x/flash"),
  resolve: { alias: [gpujsAsShipped] },
};
