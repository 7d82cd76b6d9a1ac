// SPDX-License-Identifier: Apache-2.0
//
// The OpenAPI document as a judge of requests and answers.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import type { Answer } from './service.js';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: Readonly<Record<string, unknown>>;
}

interface Content {
  readonly [type: string]: { readonly schema: object };
}

export interface DocumentedOperation {
  readonly operationId: string;
  readonly security: readonly { readonly token: readonly string[] }[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content; readonly headers?: object }>>;
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export interface Documented {
  readonly method: string;
  readonly path: string;
  readonly operation: DocumentedOperation;
}

const JSON_TYPE = /^application\/(problem\+)?json$/;

/** Holds answers against a document. */
export class Judge {
  readonly #ajv = new Ajv2020({ strict: false });
  readonly #compiled = new Map<object, ValidateFunction>();
  /** operationId and status of everything that was judged. */
  readonly seen = new Set<string>();

  constructor(readonly document: OpenApiDocument) {
    this.#ajv.addSchema({ $id: 'document', ...document });
  }

  all(): Documented[] {
    return Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
    );
  }

  find(method: string, path: string): Documented {
    const found = this.all().find((one) => one.method === method && one.path === path);
    if (!found) throw new Error(`${method} ${path} is not in the document`);
    return found;
  }

  /** Fails unless the operation may answer this. */
  check({ method, path, operation }: Documented, answer: Pick<Answer, 'status' | 'headers' | 'body'>): void {
    const what = `${method} ${path}: ${answer.status} ${answer.body.toString('utf8', 0, 300)}`;
    const response = operation.responses[String(answer.status)];
    if (!response) throw new Error(`${what}: this status is not in the document`);
    this.seen.add(`${operation.operationId} ${answer.status}`);
    const type = (answer.headers['content-type'] ?? '').split(';')[0] ?? '';
    if (!response.content) {
      expect(answer.body.length, what).toBe(0);
      return;
    }
    const content = response.content[type];
    if (!content) throw new Error(`${what}: its type ${type} is not in the document`);
    if (JSON_TYPE.test(type)) this.validate(content.schema, JSON.parse(answer.body.toString()), what);
    if (type === 'application/problem+json') {
      expect((JSON.parse(answer.body.toString()) as { status: number }).status, what).toBe(answer.status);
    }
  }

  validate(schema: object, value: unknown, what: string): void {
    const validate = this.#compile(schema);
    if (!validate(value)) throw new Error(`${what}: ${this.#ajv.errorsText(validate.errors)}`);
  }

  fits(schema: object, value: unknown): boolean {
    return this.#compile(schema)(value);
  }

  #compile(schema: object): ValidateFunction {
    let validate = this.#compiled.get(schema);
    if (!validate) {
      const text = JSON.stringify(schema).replaceAll('"#/', '"document#/');
      validate = this.#ajv.compile(JSON.parse(text) as object);
      this.#compiled.set(schema, validate);
    }
    return validate;
  }
}
