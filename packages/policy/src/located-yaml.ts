/**
 * How a YAML file is read so that each of its problems has a file, a line and a column. For other packages whose files
 * people write by hand.
 */
export { at, type FieldPath, type LocatedDocument, parseYaml } from './configuration/document/document.ts';
export { nearestName } from './configuration/document/nearest-name.ts';
export { type Problems, readSection } from './configuration/document/section.ts';
export { COMPLIANCE_STANDARDS, SERVING_MODES } from './configuration/schema/file-schema.ts';
export { describeProblem, PolicyConfigError, type PolicyProblem } from './errors.ts';
