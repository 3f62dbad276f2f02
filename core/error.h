// Errors that a user can cause or mend. Each is one line: what is wrong, where, what is allowed, the nearest valid name.
//
// Our own bugs are assertions (LARMOR_ASSERT), never Error. Libraries throw; only cli/ prints and turns kinds into exit codes.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace larmor {

/// Who can mend it; the value is the exit code of the program.
enum class ErrorKind {
  run = 1,    ///< failed while running: disk full, out of memory, no such device
  usage = 2,  ///< wrong command line or wrong recipe
  data = 3,   ///< bad data: torn file, image without mask, leaking split
};

/// An error with a message for the user. `what()` is the whole message, without a trailing full stop or newline.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }
  int exit_code() const { return static_cast<int>(kind_); }
  /// The same error with `context: ` in front, for layers that know more about the place.
  Error with_context(std::string_view context) const;

 private:
  ErrorKind kind_;
};

[[noreturn]] void throw_run_error(const std::string& message);
[[noreturn]] void throw_usage_error(const std::string& message);
[[noreturn]] void throw_data_error(const std::string& message);

/// `text` fit for one line of a message: control characters and bytes that are no UTF-8 as \xNN, cut after 120 bytes.
std::string printable(std::string_view text);
/// The same in single quotes.
std::string in_quotes(std::string_view text);

/// The candidate with the smallest edit distance (exchanged neighbours: 1), or "" when none is near: half of the letters differ, or more.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// "unknown optimizer 'ranglars'; nearest: 'rangerlars' (larmor list optimizers)"; a short list where none is near. `hint` may be empty.
std::string unknown_name_message(std::string_view what, std::string_view name, const std::vector<std::string>& candidates,
                                 std::string_view hint);

/// Ends the program with file and line: an assertion of ours failed. Never used for user mistakes.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace larmor

#define LARMOR_ASSERT(expression) ((expression) ? static_cast<void>(0) : ::larmor::assertion_failed(#expression, __FILE__, __LINE__))
