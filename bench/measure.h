// Times a piece of work and prints one JSON line, in the form that the peer comparison reads.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace larmor::bench {

/// A benchmark's main(): reads the command line into what `app` is bound to, then does the work. Returns the exit code: 0 done or
/// --help, 2 for wrong arguments, an Error's own for what it tells on stderr.
int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& work);

/// Seconds of each of `n` calls, after `warm` calls that are not counted.
std::vector<double> measure(const std::function<void()>& work, int64_t n, int64_t warm);

/// {"what": …, "median_ms": …, "min_ms": …, "max_ms": …, "n": …, …fields} on stdout.
void print_times(const std::string& what, const std::vector<double>& seconds, const nlohmann::ordered_json& fields);

}  // namespace larmor::bench
