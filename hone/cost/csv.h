#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone::cost {

/// The text without the byte order mark that spreadsheets write before it.
std::string_view without_mark(std::string_view text);

/// The cells of one line of CSV (RFC 4180), without the blanks around them: a quoted cell may hold commas,
/// and its quotes doubled. Nothing where a quoted cell does not end on the line, or something follows it.
std::optional<std::vector<std::string>> csv_cells(std::string_view line);

}  // namespace hone::cost
