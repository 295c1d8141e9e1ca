// The shapes of the JSON API as TypeScript, out of the server's own OpenAPI document:
//   switchboard openapi | node scripts/api-types.mjs            writes src/api/schema.ts
//   switchboard openapi | node scripts/api-types.mjs --check    says whether it was current, and writes it
// Only what our document uses is understood; anything else stops here instead of becoming a wrong type.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const target = fileURLToPath(new URL("../src/api/schema.ts", import.meta.url));
const { components } = JSON.parse(readFileSync(0, "utf8"));

function typeOf(schema, indent) {
  if (schema.$ref) {
    return schema.$ref.replace("#/components/schemas/", "");
  }
  if (schema.enum) {
    return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  }
  if ("const" in schema) {
    return JSON.stringify(schema.const);
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) {
    return choices.map((choice) => typeOf(choice, indent)).join(" | ");
  }
  if (schema.allOf) {
    return schema.allOf.map((part) => typeOf(part, indent)).join(" & ");
  }
  if (Array.isArray(schema.type)) {
    return schema.type.map((type) => typeOf({ ...schema, type }, indent)).join(" | ");
  }
  switch (schema.type) {
    case "array": {
      const item = typeOf(schema.items ?? {}, indent);
      return / [|&] /.test(item) ? `(${item})[]` : `${item}[]`;
    }
    case "object":
      return Object.keys(schema.properties ?? {}).length > 0 ? objectOf(schema, indent) : `Record<string, ${schema.additionalProperties ? typeOf(schema.additionalProperties === true ? {} : schema.additionalProperties, indent) : "unknown"}>`;
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case undefined:
      return "unknown";
    default:
      throw new Error(`a type that nobody knows: ${JSON.stringify(schema)}`);
  }
}

function objectOf({ properties, required = [] }, indent) {
  const inner = `${indent}  `;
  const fields = Object.entries(properties).map(([name, schema]) => {
    const note = schema.description ? `${inner}/** ${schema.description.replaceAll("*/", "* /")} */\n` : "";
    const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
    return `${note}${inner}${key}${required.includes(name) ? "" : "?"}: ${typeOf(schema, inner)};\n`;
  });
  return `{\n${fields.join("")}${indent}}`;
}

const shapes = Object.entries(components.schemas).map(([name, schema]) => {
  const note = schema.description ? `/** ${schema.description.replaceAll("*/", "* /")} */\n` : "";
  return schema.type === "object" && schema.properties ? `${note}export interface ${name} ${objectOf(schema, "")}\n` : `${note}export type ${name} = ${typeOf(schema, "")};\n`;
});
const text = `// Made by scripts/api-types.mjs out of \`switchboard openapi\`. Changes by hand are lost.\n\n${shapes.join("\n")}`;
let before = "";
try {
  before = readFileSync(target, "utf8");
} catch {
  // The first time there is none.
}
writeFileSync(target, text);
if (process.argv.includes("--check")) {
  console.log(before === text ? "ui/src/api/schema.ts is current" : "ui/src/api/schema.ts was not current and was written anew: commit it");
}
