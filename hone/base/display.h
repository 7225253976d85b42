#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hone {

/// How many columns of a terminal UTF-8 text takes: none for combining characters, two for wide East Asian
/// ones and pictures, one for anything else, bytes that are no UTF-8 among them.
std::size_t display_width(std::string_view text);

/// As much of the text's beginning as fits into so many columns, never a part of a character.
std::string cut_to_width(std::string_view text, std::size_t columns);

/// Whether a file descriptor is a terminal whose cursor can be moved and whose lines can be cleared: not one
/// that calls itself dumb by TERM, or does not say what it is.
bool moves_cursor(int descriptor);

}  // namespace hone
