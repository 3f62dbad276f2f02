// UTF-8 text, told from other bytes.
#pragma once
#include <cstddef>
#include <string_view>

namespace larmor {

/// Bytes of the UTF-8 sequence at the beginning of `text`, which is not empty; 0 where none stands there (overlong forms and surrogates
/// included).
size_t utf8_length(std::string_view text);

/// True when all of `text` is UTF-8; empty text is.
bool is_utf8(std::string_view text);

}  // namespace larmor
