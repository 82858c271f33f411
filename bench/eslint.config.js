// The project's rules; here, so that "dist/" in them means bench/dist too.
export { default } from "../eslint.config.js"
