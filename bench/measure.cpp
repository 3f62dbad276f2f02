#include "bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/memory.h"

namespace larmor::bench {

namespace {

double milliseconds(double seconds) { return std::round(seconds * 1e7) / 1e4; }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

int run_program(CLI::App& app, int argc, char** argv, const std::function<void()>& work) {
  keep_memory();
  try {
    app.parse(argc, argv);
    work();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const Error& error) {
    std::cerr << error.what() << "\n";
    return error.exit_code();
  }
  return 0;
}

std::vector<double> measure(const std::function<void()>& work, int64_t n, int64_t warm) {
  using Clock = std::chrono::steady_clock;
  for (int64_t i = 0; i < warm; ++i) work();
  std::vector<double> seconds;
  for (int64_t i = 0; i < n; ++i) {
    const Clock::time_point start = Clock::now();
    work();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  return seconds;
}

void print_times(const std::string& what, const std::vector<double>& seconds, const nlohmann::ordered_json& fields) {
  nlohmann::ordered_json line = {{"what", what},
                                 {"median_ms", milliseconds(median(seconds))},
                                 {"min_ms", milliseconds(*std::min_element(seconds.begin(), seconds.end()))},
                                 {"max_ms", milliseconds(*std::max_element(seconds.begin(), seconds.end()))},
                                 {"n", seconds.size()}};
  line.update(fields);
  std::cout << line.dump() << std::endl;
}

}  // namespace larmor::bench
