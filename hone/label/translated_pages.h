#pragma once

namespace hone::label {

/// How many pages of 4 KiB a loop may go through before their places are looked for anew each time: of a
/// chase through one line of each page, where half of what that costs in the end has come on top of the same
/// chase through lines side by side. 1e8 where none comes, as with large pages. Takes a tenth of a second.
double translated_pages();

}  // namespace hone::label
