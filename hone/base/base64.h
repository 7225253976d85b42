#pragma once

#include <string>
#include <string_view>

namespace hone {

/// RFC 4648, section 4, with padding.
std::string to_base64(std::string_view bytes);

/// Throws Error on anything that is not what to_base64 writes.
std::string from_base64(std::string_view text);

}  // namespace hone
