#pragma once

#include <functional>
#include <string>

#include "hone/study/store.h"

namespace hone::study {

/// Reads the rows of a journal from the pages of an SQLite file (and of its log) directly, whatever its trees
/// look like: every page that is a table's leaf and whose cells have the journal's columns. In the order of
/// pages; a row may come more than once, and rows that were moved may come from where they no longer are.
/// SQLite's "Database File Format", sections 1.6, 2.1 and 4. Throws Error where the file cannot be read.
/// For the files of this room only.
void read_pages(const std::string& path, const std::function<void(const Event&)>& take);

}  // namespace hone::study
