// Names of values and where they hold.
#include <fmt/format.h>

#include "hone/cost/mlir/parser.h"

namespace hone::cost::mlir {

int Parser::add_value(Value value) {
  module_.values.push_back(value);
  return static_cast<int>(module_.values.size()) - 1;
}

void Parser::define(std::uint32_t token, int first, int count) {
  const std::string_view name = text(tokens_[token]);
  const auto [found, fresh] = names_.try_emplace(name, Binding{});
  if (!fresh && found->second.value >= 0 && found->second.region == region_)
    throw error(tokens_[token], fmt::format("{} is defined twice", name));
  undo_.emplace_back(name, found->second);
  found->second = Binding{first, count, region_};
}

void Parser::close_scope() {
  for (const std::size_t mark = scopes_.back(); undo_.size() > mark; undo_.pop_back())
    names_[undo_.back().first] = undo_.back().second;
  scopes_.pop_back();
}

int Parser::lookup() {
  const auto found = names_.find(text(token()));
  if (found == names_.end() || found->second.value < 0) return -1;
  const Binding binding = found->second;
  const std::uint32_t name = at_++;
  std::int64_t number = 0;
  if (token().kind == Kind::hash && adjacent(token())) {
    const std::string_view digits = text(token()).substr(1);
    for (const char c : digits) {
      if (c < '0' || c > '9') throw unexpected("a result's number");
      number = std::min<std::int64_t>(number * 10 + (c - '0'), INT32_MAX);
    }
    if (number >= binding.count)
      throw error(token(), fmt::format("{} has {} result{}", text(tokens_[name]), binding.count,
                                       binding.count == 1 ? "" : "s"));
    ++at_;
  }
  return binding.value + static_cast<int>(number);
}

/// A value that is to be defined further down; `token` names it.
int Parser::forward(std::uint32_t token, int type) {
  const Token& after = tokens_[std::min<std::size_t>(token + 1, tokens_.size() - 1)];
  int number = 0;
  if (after.kind == Kind::hash && adjacent(after))
    for (const char c : text(after).substr(1))
      number = c < '0' || c > '9' ? number : std::min(number * 10 + (c - '0'), 65536);
  std::vector<Pending>& waiting = pending_[text(tokens_[token])];
  for (const Pending& pending : waiting)
    if (pending.number == number) return pending.value;
  Value value;
  value.name = text(tokens_[token]);
  value.number = number;
  value.type = type;
  const int id = add_value(value);
  waiting.push_back({number, id, token});
  return id;
}

int Parser::need_value() {
  if (token().kind != Kind::value) throw unexpected("a value");
  const int found = lookup();
  if (found >= 0) return found;
  const std::uint32_t name = at_++;
  if (token().kind == Kind::hash && adjacent(token())) ++at_;
  return forward(name, -1);
}

/// What waited for `name` becomes the values just defined under it: uses keep the indices that they have, so
/// the definition takes these.
void Parser::resolve(std::string_view name, Few<int>& results) {
  const auto waiting = pending_.find(name);
  if (waiting == pending_.end()) return;
  const Binding binding = names_[name];
  for (const Pending& pending : waiting->second) {
    if (pending.number >= binding.count)
      throw error(tokens_[pending.token], fmt::format("{} has {} results", name, binding.count));
    const int defined = binding.value + pending.number;
    Value& used = module_.values[static_cast<std::size_t>(pending.value)];
    const int type = used.type;
    used = module_.values[static_cast<std::size_t>(defined)];
    if (used.type < 0) used.type = type;
    for (int& result : results)
      if (result == defined) result = pending.value;
    // Later uses find the same value, where one name is one value.
    if (binding.count == 1) names_[name].value = pending.value;
  }
  pending_.erase(waiting);
}

void Parser::check_pending() const {
  const Pending* first = nullptr;
  for (const auto& [name, waiting] : pending_)
    for (const Pending& pending : waiting)
      if (first == nullptr || pending.token < first->token) first = &pending;
  if (first != nullptr)
    throw error(tokens_[first->token], fmt::format("nothing defines {}", text(tokens_[first->token])));
}

}  // namespace hone::cost::mlir
