#pragma once

#include <string>
#include <vector>

#include "hone/space/composition.h"

namespace hone::space {

// What differs between two versions of a parameter or a structure; for extension().

/// What is searched otherwise, in words.
void describe(const Parameter& older, const Parameter& newer, std::vector<std::string>& changes);
/// Why a value of the older parameter is none of the newer; "" where all are.
std::string lost_value(const Parameter& older, const Parameter& newer);
/// Why a module structure of the older composition is none of the newer; "" where all are.
std::string lost_structure(const Composition& older, const Composition& newer, const std::string& path);

}  // namespace hone::space
