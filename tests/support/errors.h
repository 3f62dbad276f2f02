// Whole-message checks of errors: EXPECT_EQ(usage_error([&] { read_yaml(file); }), "a.yaml:3: …").
#pragma once
#include <string>

#include "core/error.h"

namespace larmor::testing {

/// The message of the Error of `kind` that `action` throws; what came instead in angle brackets, which equals no message.
template <class Action>
std::string error_of_kind(ErrorKind kind, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind() == kind ? error.what() : "<exit code " + std::to_string(error.exit_code()) + "> " + error.what();
  } catch (const std::exception& other) {
    return std::string("<not an Error> ") + other.what();
  }
  return "<no error>";
}

template <class Action>
std::string usage_error(Action&& action) {
  return error_of_kind(ErrorKind::usage, action);
}

template <class Action>
std::string data_error(Action&& action) {
  return error_of_kind(ErrorKind::data, action);
}

template <class Action>
std::string run_error(Action&& action) {
  return error_of_kind(ErrorKind::run, action);
}

}  // namespace larmor::testing
