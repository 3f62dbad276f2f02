// The law of every fuzz target: parse, or refuse in one line.
#pragma once
#include <string_view>

#include "core/error.h"

namespace larmor::testing {

/// Runs a parser; an Error of `kind` is the only way out but success. Its message is one line and short, whatever the input quotes.
template <class Parse>
void parse_or_refuse(ErrorKind kind, Parse&& parse) {
  constexpr size_t kLongestMessage = 2000;
  try {
    parse();
  } catch (const Error& error) {
    const std::string_view message = error.what();
    LARMOR_ASSERT(error.kind() == kind);
    LARMOR_ASSERT(message.find('\n') == std::string_view::npos && message.size() < kLongestMessage);
  }
}

}  // namespace larmor::testing
