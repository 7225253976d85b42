// Sums of products that linalg has no name for: by what other dialects say of them, and by their shapes.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "hone/cost/mlir/nest_builder.h"

namespace hone::cost::mlir {
namespace {

/// A layout whose letters are made up: the operands and the output by themselves.
struct Letters {
  std::string left, right, output;
  std::string loops, reductions;
  Few<std::int64_t> strides, dilations;

  /// The loops of the output, then those that both factors have beside it.
  void sum_up() {
    const auto add = [&](const std::string& operand, bool reduces) {
      for (std::size_t i = 0; i < operand.size(); ++i) {
        const bool factor = i > 0 && operand[i - 1] == '*';  // a stride or dilation
        if (factor || operand[i] < 'a' || operand[i] > 'z' || loops.find(operand[i]) != std::string::npos)
          continue;
        loops += operand[i];
        if (reduces) reductions += operand[i];
      }
    };
    add(output, false);
    add(right, true);
    add(left, true);
  }
};

/// The numbers between the brackets that stand as the `which`-th after a word, from 0:
/// `contracting_dims = [2] x [1]`.
Few<std::size_t> numbers_after(std::string_view text, std::string_view word, int which) {
  Few<std::size_t> numbers;
  std::size_t at = text.find(word);
  for (; at != std::string_view::npos && which >= 0; --which) at = text.find('[', at + 1);
  if (at == std::string_view::npos) return numbers;
  for (++at; at < text.size() && text[at] != ']'; ++at) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
    if (error == std::errc()) numbers.push_back(number), at = static_cast<std::size_t>(end - text.data()) - 1;
  }
  return numbers;
}

/// What an attribute says, or else the operation's own text.
std::string_view said(const Module& module, const Operation& operation, const char* attribute) {
  const Attribute* found = module.attribute(operation, attribute);
  return found == nullptr ? operation.text : found->text;
}

/// stablehlo.dot_general: which dimensions are summed over, and which go through both factors.
std::optional<Letters> dot_general(const Module& module, const Operation& operation, std::size_t left,
                                   std::size_t right) {
  const std::string_view text = said(module, operation, "dot_dimension_numbers");
  const bool generic = text.find("lhs_contracting_dimensions") != std::string_view::npos;
  const auto dimensions = [&](std::string_view what, int side) {
    return generic ? numbers_after(text,
                                   std::string(side == 0 ? "lhs_" : "rhs_") + std::string(what) +
                                       (what == "batch" ? "ing_dimensions" : "_dimensions"),
                                   0)
                   : numbers_after(text, what == "batch" ? "batching_dims" : "contracting_dims", side);
  };
  if (left + right > 24) return std::nullopt;
  Letters letters;
  letters.left.assign(left, '-');
  letters.right.assign(right, '-');
  char next = 'a';
  for (const std::string_view what : {"batch", "contracting"}) {
    const Few<std::size_t> of_left = dimensions(what, 0), of_right = dimensions(what, 1);
    if (of_left.size() != of_right.size()) return std::nullopt;
    for (std::size_t i = 0; i < of_left.size(); ++i) {
      if (of_left[i] >= left || of_right[i] >= right || letters.left[of_left[i]] != '-' ||
          letters.right[of_right[i]] != '-')
        return std::nullopt;
      letters.left[of_left[i]] = letters.right[of_right[i]] = next;
      if (what == "batch") letters.output += next;
      ++next;
    }
  }
  for (std::string* factor : {&letters.left, &letters.right})
    for (char& letter : *factor)
      if (letter == '-') letters.output += letter = next++;
  return letters;
}

/// Matrices in the last two dimensions, vectors, and what goes through all before them; `transposed`: the
/// right one shows its columns first.
std::optional<Letters> matrices(std::size_t left, std::size_t right, std::size_t output, bool transposed) {
  if (left < 1 || right < 1 || left > 24 || right > 24 || output > 24) return std::nullopt;
  Letters letters;
  for (std::size_t i = 0; i < output; ++i) letters.output += static_cast<char>('a' + i);
  letters.left.assign(left, '-');
  letters.right.assign(right, '-');
  const std::size_t columns = right > 1 ? 1 : 0, rows = left > 1 ? 1 : 0;
  letters.left[left - 1] = 'z';
  for (std::size_t j = 1; j < left && j + columns <= output; ++j)
    letters.left[left - 1 - j] = letters.output[output - columns - j];
  letters.right[right > 1 && !transposed ? right - 2 : right - 1] = 'z';
  if (right > 1) {
    if (output < 1) return std::nullopt;
    letters.right[transposed ? right - 2 : right - 1] = letters.output[output - 1];
  }
  for (std::size_t j = 2; j < right && j + rows <= output; ++j)
    letters.right[right - 1 - j] = letters.output[output - rows - j];
  return letters;
}

/// "bij,bkj->bik".
std::optional<Letters> einsum(std::string_view config) {
  const std::size_t comma = config.find(','), arrow = config.find("->");
  const auto outside = [](char c) { return c < 'a' || c > 'z'; };
  if (comma == std::string_view::npos || arrow == std::string_view::npos || arrow < comma)
    return std::nullopt;
  Letters letters;
  letters.left = config.substr(0, comma);
  letters.right = config.substr(comma + 1, arrow - comma - 1);
  letters.output = config.substr(arrow + 2);
  for (const std::string* one : {&letters.left, &letters.right, &letters.output})
    if (std::any_of(one->begin(), one->end(), outside)) return std::nullopt;
  return letters;
}

/// A convolution's layouts as words of a letter a dimension: b, f and numbers of the image and the result; i,
/// o and numbers of the filter.
std::optional<Letters> convolution(std::string_view image, std::string_view filter, std::string_view result) {
  static constexpr std::string_view kPlaces = "hwyx", kWindows = "pqrt";
  Letters letters;
  const auto place = [&](char c) { return static_cast<std::size_t>(c - '0'); };
  const auto valid = [&](std::string_view layout, char one, char other) {
    return std::all_of(layout.begin(), layout.end(), [&](char c) {
      return c == one || c == other || (c >= '0' && place(c) < kPlaces.size());
    });
  };
  if (!valid(image, 'b', 'f') || !valid(filter, 'i', 'o') || !valid(result, 'b', 'f')) return std::nullopt;
  for (const char c : image) {
    if (c == 'b')
      letters.left += 'n';
    else if (c == 'f')
      letters.left += 'c';
    else
      letters.left += std::string("(") + kPlaces[place(c)] + "*s+" + kWindows[place(c)] + "*d)";
  }
  for (const char c : filter) letters.right += c == 'o' ? 'f' : c == 'i' ? 'c' : kWindows[place(c)];
  for (const char c : result) letters.output += c == 'b' ? 'n' : c == 'f' ? 'f' : kPlaces[place(c)];
  return letters;
}

/// `[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]`.
std::optional<Letters> stablehlo_convolution(std::string_view text) {
  std::array<std::string, 3> layouts;
  const std::size_t middle = text.find("]x[");
  if (middle == std::string_view::npos) return std::nullopt;
  std::size_t at = text.rfind('[', middle);
  for (std::string& layout : layouts) {
    if (at == std::string_view::npos) return std::nullopt;
    for (++at; at < text.size() && text[at] != ']'; ++at)
      if (text[at] != ',' && text[at] != ' ') layout += text[at];
    at = text.find('[', at);
  }
  return convolution(layouts[0], layouts[1], layouts[2]);
}

/// The numbers of a window's attribute, by any of its names, or of an operand.
Few<std::int64_t> window(const Module& module, const Operation& operation,
                         std::initializer_list<std::string_view> names, std::size_t operand) {
  std::vector<std::int64_t> numbers;
  const auto take = [&](const Attribute& attribute) { numbers = module.integers(attribute); };
  for (const std::string_view name : names) {
    if (const Attribute* own = module.attribute(operation, name)) take(*own);
    if (const Attribute* inside = module.attribute(operation, "window"))
      for (std::size_t i = 0; i < inside->names.size() && i < inside->items.size(); ++i)
        if (inside->names[i] == name) take(module.attributes[static_cast<std::size_t>(inside->items[i])]);
  }
  if (numbers.empty() && operand < operation.operands.size())
    numbers = constants(module, operation.operands[operand]);
  Few<std::int64_t> list;
  for (const std::int64_t number : numbers) list.push_back(std::clamp<std::int64_t>(number, 1, 1 << 20));
  return list;
}

/// The size that tells the output channels of a filter, as the output shows them: it comes first after what
/// goes through all, or last.
double channels(const std::vector<std::int64_t>& filter, const std::vector<std::int64_t>& output) {
  if (filter.empty() || output.empty()) return 1.0;
  const std::int64_t second = output[std::min<std::size_t>(1, output.size() - 1)], last = output.back();
  for (const auto& [of_filter, of_output] :
       {std::pair(filter.front(), second), std::pair(filter.back(), last), std::pair(filter.front(), last),
        std::pair(filter[std::min<std::size_t>(1, filter.size() - 1)], second)})
    if (of_filter == of_output && of_filter > 0) return static_cast<double>(of_filter);
  return 1.0;
}

/// Whether sizes that one loop goes through agree.
bool fits(const Module& module, const Domain& domain) {
  for (const Domain::Operand& operand : domain.operands) {
    const std::vector<std::int64_t>& shape = module.type_of(operand.value).shape;
    for (std::size_t k = 0; k < operand.indices.size(); ++k) {
      if (operand.indices[k].size() != 1 || shape[k] == kDynamic) continue;
      if (shape[k] != domain.sizes[static_cast<std::size_t>(operand.indices[k][0].first)]) return false;
    }
  }
  return true;
}

std::optional<Letters> letters_of(const Module& module, const Operation& operation, int left, int right,
                                  int output) {
  const std::string_view name = operation.name;
  const std::vector<std::int64_t>&of_left = module.type_of(left).shape,
        &of_right = module.type_of(right).shape, &of_output = module.type_of(output).shape;
  const auto holds = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (holds("conv")) {
    std::optional<Letters> letters;
    if (name == "tosa.depthwise_conv2d") {
      letters = Letters{"n(h*s+p*d)(w*s+q*d)c", "pqcm", "nhw(c*k+m)", "nhwcmpq", "pq", {}, {}};
    } else if (name == "tosa.conv2d" || name == "tosa.conv3d") {
      const bool flat = name == "tosa.conv2d";
      letters = convolution(flat ? "b01f" : "b012f", flat ? "o01i" : "o012i", flat ? "b01f" : "b012f");
    } else if (name.ends_with(".convolution") &&
               said(module, operation, "dimension_numbers").find("]x[") != std::string_view::npos) {
      letters = stablehlo_convolution(said(module, operation, "dimension_numbers"));
    } else if (holds("aten.") && of_right.size() > 2 && of_right.size() < 7 && of_output.size() > 1 &&
               of_right[0] == of_output[1]) {
      const std::string places = std::string("0123").substr(0, of_right.size() - 2);
      letters = convolution("bf" + places, "oi" + places, "bf" + places);
    }
    if (!letters) return std::nullopt;
    letters->strides = window(module, operation, {"stride", "window_strides"}, 3);
    letters->dilations = window(module, operation, {"dilation", "rhs_dilation", "rhs_dilate"}, 5);
    // Each channel for itself: the filter shows but one.
    const std::size_t one = letters->right.find('c'), all = letters->left.rfind('c');
    if (letters->loops.empty() && one < of_right.size() && all < letters->left.size() && of_right[one] == 1)
      letters->left[all] = 'f';
    return letters;
  }
  if (holds("dot_general")) return dot_general(module, operation, of_left.size(), of_right.size());
  if (holds("einsum"))
    for (const char* attribute : {"einsum_config", "config"})
      if (const Attribute* config = module.attribute(operation, attribute)) return einsum(config->text);
  if (holds("attention") || holds("einsum")) return std::nullopt;
  std::optional<Letters> letters = matrices(of_left.size(), of_right.size(), of_output.size(),
                                            holds("linear") || holds("fully_connected"));
  // What is single is the same for all.
  if (letters)
    for (const auto& [word, shape] :
         {std::pair(&letters->left, &of_left), std::pair(&letters->right, &of_right)})
      for (std::size_t k = 0; k < shape->size(); ++k) {
        const std::size_t shown = letters->output.find((*word)[k]);
        if ((*shape)[k] == 1 && shown < of_output.size() && of_output[shown] != 1) (*word)[k] = '-';
      }
  return letters;
}

}  // namespace

/// As the dialect says how its operands are summed up, or else by their shapes alone: an output of M x N,
/// each a sum of K products.
void NestBuilder::contraction(const Operation& operation, At at) {
  const int result = operation.results.empty() ? (operation.operands.empty() ? -1 : operation.operands.back())
                                               : operation.results[0];
  const Type& output = module_.type_of(result);
  // addmm, baddbmm: to the first operand the product of the others is added.
  const std::string_view last = operation.name.substr(operation.name.rfind('.') + 1);
  const bool adds = last == "addmm" || last == "baddbmm" || last == "addbmm" || last == "addmv";
  Few<int> factors;
  for (std::size_t i = adds ? 1 : 0; i < operation.operands.size(); ++i)
    if (module_.type_of(operation.operands[i]).shape.size() >= 1 && factors.size() < 2)
      factors.push_back(operation.operands[i]);
  if (factors.size() < 2) return element_wise(operation, at, Work::multiply);
  const Work list[] = {Work::multiply, Work::add};
  if (auto letters = letters_of(module_, operation, factors[0], factors[1], result)) {
    if (letters->loops.empty()) letters->sum_up();
    const int values[] = {factors[0], factors[1], result};
    const std::string operands = letters->left + "," + letters->right + "," + letters->output;
    const auto found = domain_of(module_, {letters->loops, operands, letters->reductions}, values,
                                 span_of(letters->strides), span_of(letters->dilations));
    const bool convolves = operation.name.find("conv") != std::string_view::npos;  // in groups, too
    if (found && (convolves || fits(module_, *found)))
      return domain(*found, at, list, output.bits, output.real_elements(), -1);
  }
  const Type& left = module_.type_of(factors[0]);
  const Type& right = module_.type_of(factors[1]);
  const auto elements = [](const Type& type) { return std::max(1.0, type.elements(Nest::kUnknownTrips)); };
  const auto size = [](std::int64_t one) {
    return static_cast<double>(std::max<std::int64_t>(1, one == kDynamic ? Nest::kUnknownTrips : one));
  };
  double sums = 1.0;
  if (operation.name.find("conv") != std::string_view::npos) {
    sums = elements(right) / channels(right.shape, output.shape);
  } else if (operation.name.find("attention") != std::string_view::npos && right.shape.size() > 1) {
    // By keys, and then by values.
    sums = 2.0 * size(right.shape[right.shape.size() - 2]);
  } else {
    double through_all = 1.0;
    for (std::size_t k = 0; k + 2 < std::min({left.shape.size(), right.shape.size(), output.shape.size()}) &&
                            left.shape[k] == right.shape[k] && left.shape[k] == output.shape[k];
         ++k)
      through_all *= size(left.shape[k]);
    sums = std::sqrt(elements(left) * elements(right) / elements(output) / through_all);
  }
  const double columns = output.shape.empty() ? 1.0 : size(output.shape.back());
  Domain loops;
  loops.sizes = {static_cast<std::int64_t>(std::min(1e15, std::max(1.0, elements(output) / columns))),
                 static_cast<std::int64_t>(columns), static_cast<std::int64_t>(std::clamp(sums, 1.0, 1e15))};
  loops.reduction = {false, false, true};
  const auto flat = [&](int value, bool store, int outer, int inner, std::int64_t factor) {
    Domain::Operand one;
    one.value = value;
    one.store = store;
    one.indices.resize(std::max<std::size_t>(1, module_.type_of(value).shape.size()));
    one.indices.back() = {{outer, factor}, {inner, 1}};
    loops.operands.push_back(std::move(one));
  };
  flat(factors[0], false, 0, 2, loops.sizes[2]);
  flat(factors[1], false, 2, 1, loops.sizes[1]);
  flat(result, false, 0, 1, loops.sizes[1]);
  flat(result, true, 0, 1, loops.sizes[1]);
  domain(loops, at, list, output.bits, output.real_elements(), -1);
}

}  // namespace hone::cost::mlir
