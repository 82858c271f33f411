import js from "@eslint/js"
import { defineConfig, globalIgnores } from "eslint/config"
import { tsImport } from "tsx/esm/api"
import tseslint from "typescript-eslint"

/** The package's own plugin, from its sources. @type {typeof import("./src/eslint/index.js")} */
const { default: aio } = await tsImport("./src/eslint/index.ts", import.meta.url)

export default defineConfig(
  globalIgnores(["dist/", "coverage/", "node_modules/"]),
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["**/*.{ts,js,mjs,cjs}"],
    extends: [js.configs.recommended, tseslint.configs.recommended],
    rules: {
      "no-undef": "off", // the compiler knows
      "require-yield": "off", // Effect.gen takes generators that need not yield
      eqeqeq: ["error", "always", { null: "ignore" }],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "separate-type-imports" }],
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrorsIgnorePattern: "^_" }
      ],
      "@typescript-eslint/no-namespace": ["error", { allowDeclarations: true }],
      "@typescript-eslint/no-explicit-any": "error"
    }
  },
  {
    // What users are shown, and what the library itself does with Effect.
    files: ["src/**/*.ts", "examples/**/*.ts"],
    extends: [aio.configs.recommended]
  },
  {
    // The rules that ask the type checker run on the library only, where a lost promise is a bug by definition.
    files: ["src/**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true }
      ]
    }
  },
  {
    // They have types beside Effect 4 only.
    files: ["src/platform/four.ts", "src/platform/four/**/*.ts"],
    languageOptions: {
      parserOptions: {
        projectService: false,
        project: "./tsconfig.effect4.json",
        tsconfigRootDir: import.meta.dirname
      }
    }
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "@typescript-eslint/no-explicit-any": "off",
      "@typescript-eslint/no-empty-function": "off"
    }
  }
)
