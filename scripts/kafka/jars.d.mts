// SPDX-License-Identifier: Apache-2.0

export const KAFKA_VERSION: string;
export const KAFKA_VERSION_NEXT: string;
export const KAFKA_VERSION_BEFORE: string;
export function jarsDir(version?: string): string;
export function bringJars(version?: string): Promise<string>;
