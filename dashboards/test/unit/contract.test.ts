import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compliance, quality, signature } from "../browser/fixtures";

// The fixtures must look as the api describes its answers, or the browser tests prove nothing.
type Schema = { $ref?: string; anyOf?: Schema[]; type?: string | string[]; enum?: unknown[]; items?: Schema; properties?: Record<string, Schema>; required?: string[]; additionalProperties?: boolean | Schema };
const api = JSON.parse(readFileSync(join(import.meta.dirname, "../../../api/internal/httpapi/testdata/openapi.json"), "utf8")) as { components: { schemas: Record<string, Schema> } };

function faults(value: unknown, schema: Schema, at: string): string[] {
  if (schema.$ref) return faults(value, api.components.schemas[schema.$ref.split("/").at(-1)!]!, at);
  if (schema.anyOf) {
    const each = schema.anyOf.map((s) => faults(value, s, at));
    return each.some((f) => f.length === 0) ? [] : each[0]!;
  }
  if (schema.enum && !schema.enum.includes(value)) return [`${at} is ${JSON.stringify(value)}`];
  const is = value === null ? "null" : Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;
  const types = [schema.type ?? is].flat();
  if (!types.includes(is) && !(is === "integer" && types.includes("number"))) return [`${at} is ${is}, not ${types.join()}`];
  if (is === "array") return (value as unknown[]).flatMap((v, n) => faults(v, schema.items ?? {}, `${at}[${n}]`));
  if (is !== "object") return [];
  const members = value as Record<string, unknown>;
  const missing = (schema.required ?? []).filter((name) => members[name] === undefined).map((name) => `${at}.${name} is missing`);
  return Object.entries(members).flatMap(([name, v]) => {
    const known = schema.properties?.[name] ?? (typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined);
    if (!known) return schema.additionalProperties === false ? [`${at}.${name} is unknown`] : [];
    return faults(v, known, `${at}.${name}`);
  }).concat(missing);
}

test("fixtures have the shapes of the api", () => {
  const check = (name: string, value: unknown) => faults(JSON.parse(JSON.stringify(value)), api.components.schemas[name]!, name);
  expect(check("Compliance", compliance)).toEqual([]);
  expect(check("Quality", quality)).toEqual([]);
  expect(check("Signature", signature("A", "reviewed", 0))).toEqual([]);
  expect(check("Compliance", { ...compliance, verdict: "maybe", extra: 1, legs: undefined })).toEqual(["Compliance.verdict is \"maybe\"", "Compliance.extra is unknown", "Compliance.legs is missing"]);
});
