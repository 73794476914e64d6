// Ends this server when the process that started it is gone, however it went: its end of our
// standard input closes with it. A container has no such parent; it is ended by its engine.
// Killed and not asked: kinesis-local takes process.exit into its own hands, and takes its time.
if (process.env.SERVER_LEASH !== "none") {
  const end = () => process.kill(process.pid, "SIGKILL");
  process.stdin.on("end", end);
  process.stdin.on("error", end);
  process.stdin.resume();
}
