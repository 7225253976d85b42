#include "hone/base/registry.h"

#include <fmt/format.h>

namespace hone {

void Registry::add(const std::string& kind, MethodInfo info, std::any make) {
  methods_.push_back({kind, std::move(info), std::move(make)});
}

std::vector<const Registry::Method*> Registry::of(const std::string& kind) const {
  std::vector<const Method*> found;
  for (const auto& method : methods_)
    if (method.kind == kind) found.push_back(&method);
  return found;
}

std::vector<std::string> Registry::names(const std::string& kind) const {
  std::vector<std::string> found;
  for (const auto* method : of(kind)) found.push_back(method->info.name);
  return found;
}

const Registry::Method* Registry::find(const std::string& kind, const std::string& name) const {
  for (const auto& method : methods_)
    if (method.kind == kind && method.info.name == name) return &method;
  return nullptr;
}

const Registry::Method& Registry::need(const std::string& kind, const std::string& name,
                                       const Place& place) const {
  if (const Method* method = find(kind, name)) return *method;
  for (const char* other : {"searcher", "scheduler"})
    if (kind != other && (kind == "searcher" || kind == "scheduler") && find(other, name) != nullptr)
      throw Error(fmt::format("'{}' is no {} but a {}", name, kind, other), place,
                  fmt::format("write {} = \"{}\"", other, name));
  throw Error(fmt::format("unknown {} '{}'", kind, name), place, suggest(name, names(kind)));
}

namespace {
Registry& mutable_registry() {
  static Registry registry = [] {
    Registry fresh;
    detail::collect_hone(fresh);
    return fresh;
  }();
  return registry;
}
}  // namespace

const Registry& methods() { return mutable_registry(); }

void add_methods(void (*collect)(Registry&)) { collect(mutable_registry()); }

}  // namespace hone
