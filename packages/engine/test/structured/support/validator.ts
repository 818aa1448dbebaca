import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/** Whether `value` is valid under `schema`, as Ajv says, formats included. */
export function validatorOf(schema: object | boolean): (value: unknown) => boolean {
  const ajv = new Ajv2020({
    strict: false,
    discriminator: false,
    // Ajv divides doubles: 0.07 would be no multiple of 0.01.
    multipleOfPrecision: 9,
    validateSchema: true,
  });
  // The package's types are those of a CommonJS module.
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  const validate = ajv.compile(schema);
  return (value) => validate(value) === true;
}
