// SPDX-License-Identifier: Apache-2.0
export { toJson } from '../json.js';
