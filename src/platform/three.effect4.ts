// What tsconfig.effect4.json takes for three.ts, which does not compile beside Effect 4.
import type { Three } from "./Parts.js"
export declare const three: Three
