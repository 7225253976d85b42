#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hone/space/space.h"

namespace hone::space {

/// A structure of modules that the search decides: the language of *DeepArchitect: Automatically Designing
/// and Training Deep Architectures* (section 4: modules, Concat, Or, Repeat, Optional, and modules that wrap
/// others). Nests freely. A plain value, made by the functions below; Builder::compose() compiles it at a
/// path NET to parameters, each active only where it is used:
///
///   module     NET.PARAMETER, and NET.BODY... for what it wraps
///   sequence   NET.0..., NET.1..., ...
///   optional   NET.used (a flag), NET.body...
///   repeat     NET.times (where it varies), NET.0..., NET.1..., ...; tied: NET.body... once, for all copies
///   one_of     NET (a choice of the labels), NET.LABEL...
struct Composition {
  enum class Kind { module, sequence, optional, repeat, one_of };

  Kind kind = Kind::sequence;
  std::string name;                      ///< module: what it is
  Space::Builder parameters;             ///< module: its own
  std::vector<std::string> labels = {};  ///< one_of: the alternatives; module: its bodies' names
  std::vector<Composition> parts = {};   ///< what it is made of; one a label where there are labels
  std::int64_t low = 1, high = 1;        ///< repeat: how often
  bool tied = false;                     ///< repeat: all copies have the same parameters

  /// In one line, without parameters: "sequence(conv, optional(dropout), repeat(block, 1 to 4))".
  std::string text() const;
};

using Labelled = std::vector<std::pair<std::string, Composition>>;
/// A module by name, with its parameters and what it wraps (a residual connection its body).
Composition module(const std::string& name, const Space::Builder& parameters = {},
                   const Labelled& bodies = {});
Composition sequence(std::vector<Composition> parts);
Composition optional(Composition body);
/// Throws Error unless 0 <= low <= high <= 1000 and high > 0.
Composition repeat(Composition body, std::int64_t low, std::int64_t high, bool tied = false);
Composition one_of(const Labelled& alternatives);

/// A module of a decided structure.
struct Module {
  std::string name;   ///< what it is: "conv"
  std::string path;   ///< where it stands: "net.1.body"; copies of a tied repeat share it
  Config parameters;  ///< its own, by their own names: filters=64
  std::vector<std::pair<std::string, std::vector<Module>>> bodies;  ///< what it wraps, by name

  bool operator==(const Module&) const = default;
};

/// The modules that `config` decides for the composition `name` of the space, flat and in order: sequences
/// joined, repeats unrolled, optionals there or not, one alternative each. Throws Error where the space has
/// no such composition or the config lacks a decision.
std::vector<Module> modules(const Space& space, const Config& config, const std::string& name);

}  // namespace hone::space
