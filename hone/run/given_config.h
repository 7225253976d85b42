#pragma once

#include <string>
#include <vector>

#include "hone/base/json.h"
#include "hone/space/config.h"
#include "hone/space/space.h"

namespace hone::run {

// Configs as people write them.

/// A canonical, feasible config from the values that a user gave, over those of `base` (a config of this
/// space; empty: none). What both lack takes its default. Throws Error where a value is outside its
/// parameter's range or grid (a real's is its declared resolution), naming the nearest, where a parameter
/// does not apply beside the others, where one has neither value nor default, or where a constraint is
/// violated. rounded: takes, in words, the reals that were rounded to their resolution or to the digits they
/// have.
space::Config config_of(const space::Space& space, const std::vector<space::Config::Entry>& given,
                        const space::Config& base = {}, std::vector<std::string>* rounded = nullptr);
/// "lr=0.01": the value in the parameter's kind; "layers=a,b,c" gives a list's entries (and its length).
/// Throws Error.
std::vector<space::Config::Entry> parse_assignment(const space::Space& space, const std::string& text);
/// The members of a JSON object; lists may be given as arrays. Throws Error.
std::vector<space::Config::Entry> parse_assignments(const space::Space& space, const Json& object);

/// What a user gave on the command line: a JSON object ("": none) and words NAME=VALUE. Throws Error.
std::vector<space::Config::Entry> given_entries(const space::Space& space, const std::string& json,
                                                const std::vector<std::string>& words);
/// A design to look at: what is not given takes its default, else its first or lowest value. Throws Error as
/// config_of() does.
space::Config given_design(const space::Space& space, const std::vector<space::Config::Entry>& given);

}  // namespace hone::run
