#pragma once

#include <string>

#include "hone/base/error.h"

namespace hone::space {

/// One of the words that only expressions use (and, or, not, in, true, false, where).
bool is_reserved(const std::string& name);
/// Whether a name may be a parameter's, or a part of one between dots.
bool is_identifier(const std::string& name);
/// Whether it can be a parameter's name: identifiers with dots between them; behind the first, numbers too.
bool is_name(const std::string& name);
/// Throws Error where it cannot be a parameter's name.
void check_name(const std::string& name, const Place& place);
/// A text as a parameter's name: itself where it is one, else with _ for what no name has, and p_ before a
/// digit that came first or a word of expressions. `otherwise`, where its letters are not those of ASCII or
/// nothing but _ is left.
std::string name_from(const std::string& text, const std::string& otherwise);

}  // namespace hone::space
