#pragma once

#include "hone/base/document.h"
#include "hone/identity/policy.h"

namespace hone::run {

/// search.identity: a policy's name, or a table with `policy` and its numbers. Throws Error at the key.
identity::Settings read_identity(const Node& node);

}  // namespace hone::run
