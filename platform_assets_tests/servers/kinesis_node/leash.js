// Ends this server when the process that started it is gone, however it went: its end of our
// standard input closes with it. A container has no such parent; it is ended by its engine.
if (process.env.KINESIS_LEASH !== "none") {
  process.stdin.on("end", () => process.exit(0));
  process.stdin.on("error", () => process.exit(0));
  process.stdin.resume();
}
