#include "hone/space/composition.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hone/base/registry.h"
#include "hone/space/plan.h"

namespace hone::space {
namespace {

constexpr std::int64_t kMostRepeats = 1000;

/// Entries of `config` below `path`, by the names they have in the module.
Config parameters_of(const Composition& part, const Config& config, const std::string& path) {
  std::vector<Config::Entry> entries;
  for (const Parameter& parameter : part.parameters.parameters())
    if (const Value* value = config.find(path + "." + parameter.name))
      entries.emplace_back(parameter.name, *value);
  return Config(std::move(entries));
}

void collect(const Composition& part, const Config& config, const std::string& path,
             std::vector<Module>& modules) {
  switch (part.kind) {
    case Composition::Kind::module: {
      Module module{part.name, path, parameters_of(part, config, path), {}};
      for (std::size_t i = 0; i < part.parts.size(); ++i) {
        module.bodies.emplace_back(part.labels[i], std::vector<Module>());
        collect(part.parts[i], config, path + "." + part.labels[i], module.bodies.back().second);
      }
      modules.push_back(std::move(module));
      return;
    }
    case Composition::Kind::sequence:
      for (std::size_t i = 0; i < part.parts.size(); ++i)
        collect(part.parts[i], config, fmt::format("{}.{}", path, i), modules);
      return;
    case Composition::Kind::optional:
      if (config.flag(path + ".used")) collect(part.parts[0], config, path + ".body", modules);
      return;
    case Composition::Kind::repeat: {
      const std::int64_t times = part.low == part.high ? part.low : config.integer(path + ".times");
      for (std::int64_t i = 0; i < times; ++i)
        collect(part.parts[0], config, part.tied ? path + ".body" : fmt::format("{}.{}", path, i), modules);
      return;
    }
    case Composition::Kind::one_of: {
      const std::string& chosen = config.text(path);
      for (std::size_t i = 0; i < part.parts.size(); ++i)
        if (part.labels[i] == chosen) return collect(part.parts[i], config, path + "." + chosen, modules);
      throw Error(fmt::format("'{}' has no alternative '{}'", path, chosen), {},
                  suggest(chosen, part.labels));
    }
  }
}

// Modules of the unrolled structure; more are a slip, and fill the memory.
constexpr double kMostModules = 100000;

double unrolled(const Composition& part) {
  double sum = part.kind == Composition::Kind::module ? 1 : 0;
  for (const Composition& inner : part.parts) sum += unrolled(inner);
  return std::max(sum, 1.0) * static_cast<double>(part.kind == Composition::Kind::repeat ? part.high : 1);
}

Composition labelled(Composition::Kind kind, const Labelled& parts) {
  Composition made{.kind = kind, .name = {}, .parameters = {}};
  for (const auto& [label, part] : parts) {
    if (!is_identifier(label))
      throw Error(fmt::format("'{}' cannot be the name of an alternative or body", label), {},
                  "letters, digits and _, not a digit first");
    made.labels.push_back(label);
    made.parts.push_back(part);
  }
  return made;
}

}  // namespace

std::string Composition::text() const {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < parts.size(); ++i)
    texts.push_back(labels.empty() ? parts[i].text() : fmt::format("{}: {}", labels[i], parts[i].text()));
  switch (kind) {
    case Kind::module:
      return texts.empty() ? name : fmt::format("{}({})", name, fmt::join(texts, ", "));
    case Kind::sequence:
      return fmt::format("sequence({})", fmt::join(texts, ", "));
    case Kind::optional:
      return fmt::format("optional({})", texts[0]);
    case Kind::repeat:
      return fmt::format("repeat({}, {} to {}{})", texts[0], low, high, tied ? ", tied" : "");
    case Kind::one_of:
      break;
  }
  return fmt::format("one_of({})", fmt::join(texts, ", "));
}

Composition module(const std::string& name, const Space::Builder& parameters, const Labelled& bodies) {
  if (!is_identifier(name))
    throw Error(fmt::format("'{}' cannot be a module's name", name), {},
                "letters, digits and _, not a digit first");
  Composition made = labelled(Composition::Kind::module, bodies);
  made.name = name;
  made.parameters = parameters;
  return made;
}

Composition sequence(std::vector<Composition> parts) {
  Composition made{.kind = Composition::Kind::sequence, .name = {}, .parameters = {}};
  made.parts = std::move(parts);
  return made;
}

Composition optional(Composition body) {
  Composition made{.kind = Composition::Kind::optional, .name = {}, .parameters = {}};
  made.parts.push_back(std::move(body));
  return made;
}

Composition repeat(Composition body, std::int64_t low, std::int64_t high, bool tied) {
  if (low < 0 || low > high || high < 1 || high > kMostRepeats)
    throw Error(
        fmt::format("a repeat goes from 0 or more up to {}, found {} to {}", kMostRepeats, low, high));
  Composition made{.kind = Composition::Kind::repeat, .name = {}, .parameters = {}};
  made.low = low;
  made.high = high;
  made.tied = tied;
  made.parts.push_back(std::move(body));
  return made;
}

Composition one_of(const Labelled& alternatives) {
  if (alternatives.empty()) throw Error("one_of needs at least one alternative");
  return labelled(Composition::Kind::one_of, alternatives);
}

Space::Builder& Space::Builder::add_composition(const std::string& name, const Composition& composition,
                                                const Expression& when, const Place& place) {
  check_name(name, place);
  if (unrolled(composition) > kMostModules)
    throw Error(fmt::format("'{}' has more than {} modules", name, kMostModules), place,
                "repeats in repeats multiply: make them shorter");
  compositions_.emplace_back(name, std::make_shared<const Composition>(composition));
  compile(name, composition, when, place);
  return *this;
}

// A parameter's condition names only the nearest decision above it: that one is inactive where it is not
// reached, and what hangs on an inactive parameter is inactive.
void Space::Builder::compile(const std::string& name, const Composition& part, const Expression& when,
                             const Place& place) {
  const auto decided = [&](const std::string& text) { return Expression::parse(text, place); };
  Parameter decision;
  decision.place = place;
  decision.when = when;
  switch (part.kind) {
    case Composition::Kind::module:
      add_group(name, part.parameters, when);
      for (std::size_t i = 0; i < part.parts.size(); ++i)
        compile(name + "." + part.labels[i], part.parts[i], when, place);
      return;
    case Composition::Kind::sequence:
      for (std::size_t i = 0; i < part.parts.size(); ++i)
        compile(fmt::format("{}.{}", name, i), part.parts[i], when, place);
      return;
    case Composition::Kind::optional:
      decision.name = name + ".used";
      decision.kind = ParameterKind::flag;
      add(std::move(decision));
      compile(name + ".body", part.parts[0], decided(name + ".used"), place);
      return;
    case Composition::Kind::repeat: {
      const std::string times = name + ".times";
      if (part.low < part.high) {
        decision.name = times;
        decision.kind = ParameterKind::integer;
        decision.low = static_cast<double>(part.low);
        decision.high = static_cast<double>(part.high);
        add(std::move(decision));
      }
      for (std::int64_t i = 0; i < (part.tied ? 1 : part.high); ++i)
        compile(part.tied ? name + ".body" : fmt::format("{}.{}", name, i), part.parts[0],
                i < part.low ? when : decided(fmt::format("{} > {}", times, i)), place);
      return;
    }
    case Composition::Kind::one_of:
      decision.name = name;
      decision.kind = ParameterKind::choice;
      decision.choices.assign(part.labels.begin(), part.labels.end());
      add(std::move(decision));
      for (std::size_t i = 0; i < part.parts.size(); ++i)
        compile(name + "." + part.labels[i], part.parts[i],
                decided(fmt::format("{} == '{}'", name, part.labels[i])), place);
      return;
  }
}

std::vector<Module> modules(const Space& space, const Config& config, const std::string& name) {
  const Composition* composition = space.composition(name);
  if (composition == nullptr)
    throw Error(fmt::format("the space has no composition '{}'", name), {},
                suggest(name, space.compositions()));
  std::vector<Module> found;
  collect(*composition, config, name, found);
  return found;
}

}  // namespace hone::space

HONE_REGISTER(space, composition) {
  registry.add(
      "space",
      hone::MethodInfo{
          .name = "composition",
          .summary =
              "Structures of modules in [space]: sequence, optional, repeat, one_of, modules that wrap "
              "others; compiled to flat parameters with conditions.",
          .paper = "DeepArchitect: Automatically Designing and Training Deep Architectures",
          .options = {},
          .traits = "nested freely, tied repeats, every searcher"},
      nullptr);
}
