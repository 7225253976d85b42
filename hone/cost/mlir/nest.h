#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "hone/cost/few.h"
#include "hone/cost/mlir/opcode.h"
#include "hone/cost/mlir/text.h"

namespace hone::cost::mlir {

/// What a function does, as loops around work: from loops as they are written, and from operations on whole
/// tensors (linalg, arith and math on tensors, other dialects' by their names and shapes) as the loops that
/// they stand for. Counts are means over what bounds depend on (triangles, the last tile): over all
/// iterations of the loops that it is, or parts of them, where these are known, else by a fixed lattice of
/// sample points; a `?` and a bound that depends on data count as kUnknownTrips. A side of a branch counts as
/// often as its condition holds where loops alone decide that, else all sides evenly. While loops, and blocks
/// that are jumped back to (cf), are as long as a number that they count by stays on one side of a bound,
/// else of unknown length; what other jumps lead to counts as sides of a branch do where two ways meet again,
/// else once. Called functions of the module are counted where they are called.
struct Nest {
  static constexpr std::int64_t kUnknownTrips = 64;
  /// Counts are at most this, of which a double still holds the square.
  static constexpr double kMost = 1e150;
  /// Values are the module's, below 0 those of implied loops and of called functions; a value that nothing
  /// here gives is the function's.
  static constexpr int kNoValue = -1;

  /// Position along one dimension of a buffer, in elements.
  struct Index {
    Few<std::pair<int, double>, 2> terms;  ///< loop, how far one iteration of it moves; by loop ascending
    double constant = 0.0;
    bool exact = true;      ///< false: more enters than the terms say
    bool indirect = false;  ///< it was loaded
    /// Of what enters, too, and is the same all through the function: equal for equal, 0 where nothing does.
    std::uint64_t offset = 0;
    /// The one value that enters beside the terms; kNoValue where none does, or several. It is the same in
    /// all iterations of loops that do not stand around where it is computed, in `within` (-1: outside all).
    int unknown = kNoValue;
    int within = -1;
    Few<int> divided = {};  ///< loops that enter it through a division, by no power of two

    /// Whether it differs from another by its constant alone, where it has an unknown or is exact.
    bool moves_like(const Index& other) const {
      return terms == other.terms && unknown == other.unknown && offset == other.offset;
    }
    /// Whether nothing but loops enters it.
    bool by_loops() const { return exact && !indirect && unknown == kNoValue && offset == 0; }
    /// Puts what enters it beside terms and constant into a key of numbers.
    void tell(NumberKey& key) const {
      key.push_back(static_cast<double>(unknown) - 2.0);
      key.push_back(static_cast<double>(offset >> 32U));
      key.push_back(static_cast<double>(offset & 0xffffffffU));
    }
  };
  struct Loop {
    int parent = -1;
    int depth = 1;
    double trips = 0.0;    ///< mean, each time that it is entered
    double most = 0.0;     ///< the largest that was looked at
    double span = 0.0;     ///< from the least begin that was looked at to the greatest end; at least `most`
    double entries = 0.0;  ///< how often it is entered
    double iterations = 0.0;  ///< in all
    bool parallel = false;
    bool known = true;     ///< its bounds are
    bool fixed = true;     ///< every entry has as many iterations
    bool shifted = false;  ///< it begins where another loop stands
    bool implied = false;  ///< by an operation on tensors
    int children = 0;      ///< loops directly inside
    /// What a value that goes from one iteration to the next takes: latencies along the way.
    Way chain = {.cycles = 0.0};
    bool carries_real = false, carries_integer = false;  ///< a value from one iteration to the next
    bool chased = false;          ///< where a load looks depends on what the iteration before has loaded
    Few<int> variables;           ///< values that count its iterations
    Few<int> carried, yielded;    ///< values that go from iteration to iteration; as what
    Few<int> initial;             ///< what they begin as
    Few<int> bounded_by;          ///< loops on which its bounds depend; -1: on something else, too
    bool several_bounds = false;  ///< one of them is the least or most of several that vary
    Index first = {};             ///< what its variable begins as
    double step = 1.0;            ///< of its variable
    /// Where entries differ in length and loops around say how: the beginnings, of which the greatest counts,
    /// and the ends (exclusive ones), of which the least does. Both empty where anything else has a part.
    std::vector<Index> begins = {}, ends = {};
    int operation = -1;  ///< of the module, if that is all its loop; -1: implied, or one of several
    bool early = false;  ///< it is written out before its length is known, WrittenOut::early
  };
  struct Access {
    int loop = -1;  ///< the innermost around it
    int buffer = -1;
    bool store = false;
    double count = 0.0;     ///< how often
    double elements = 1.0;  ///< at once, along the last dimension
    std::vector<Index> indices;
    int operation = -1;    ///< of the module; -1: implied
    int bits = 0;          ///< of an element
    bool real = false;     ///< elements are reals
    bool masked = false;   ///< some of its elements may lie outside
    bool zero = false;     ///< it stores zeros
    bool apart = false;    ///< its elements do not lie along the last dimension: one by one
    int along = -1;        ///< apart: the dimension that they lie along
    int order = 0;         ///< among accesses, steps and flows: in the order of the program
    int value = kNoValue;  ///< that a load gives
    Few<int> uses = {};    ///< that a store takes
  };
  struct Step {
    int loop = -1;
    Work work = Work::none;
    double count = 0.0;
    double elements = 1.0;  ///< of the vectors it works on
    int bits = 0;           ///< of an element
    bool real = false;
    bool of_reals = false;                 ///< reals enter it, or come of it; of a selection: are selected
    bool selects = false;                  ///< it takes one of two values as they are
    Choice choice = {};                    ///< where it compares or chooses reals
    Called called = {};                    ///< where it is a function of the mathematics library
    bool address = false;                  ///< computes an index
    bool opaque = false;                   ///< a call of a library, of which a compiler knows nothing
    bool idempotent = false;               ///< of a value with itself it gives that value
    bool extremum = false;                 ///< the least or greatest of two whole numbers
    bool sum = false, difference = false;  ///< of whole numbers: a sum or difference; a difference
    std::uint64_t code = 0;                ///< steps of one code on the same values give the same; 0: of none
    int order = 0;
    int value = kNoValue;
    Few<int> uses = {};
  };
  /// Values that are others, chosen or cast: of branches, casts, loops that have ended.
  struct Flow {
    int loop = -1;  ///< that has ended; else where it stands
    bool ended = false;
    int order = 0;
    Few<int> values, uses;
    bool same = false;  ///< the value is the one that it comes from, by another name
  };
  /// A branch whose sides run a part of the times that it is come to.
  struct Fork {
    int loop = -1;             ///< the innermost around it
    int condition = kNoValue;  ///< what decides it
    bool known = true;         ///< how often is; false: its sides run evenly, nobody knows when
    /// Of a sum over loops around: whether it may be below 0, 0, above 0.
    struct Sign {
      Index sum;
      bool below = false, at = false, above = false;
    };
    /// All that has to hold for its first side, where loops alone decide; else empty.
    std::vector<Sign> first;
    struct Side {
      double share = 0.0;
      int begin = 0, end = 0;  ///< `order` of what stands in it
    };
    std::vector<Side> sides;  ///< that of a condition that does not hold may be missing
  };
  struct Buffer {
    std::vector<std::int64_t> shape;    ///< kDynamic where unknown
    std::vector<std::int64_t> strides;  ///< in elements; empty: row-major
    double element_bytes = 4.0;
    double bytes = 0.0;     ///< of the whole
    bool argument = false;  ///< of the function; else it is made inside
    /// It is made on the heap, and not what is returned: MLIR rounds its place up to a line of a cache, after
    /// which a compiler does not know any more that nothing else is there.
    bool heap = false;
    int root = -1;  ///< the buffer that it is a view of
  };

  std::vector<Loop> loops;  ///< a loop after the one around it
  std::vector<Access> accesses;
  std::vector<Step> steps;
  std::vector<Flow> flows;
  std::vector<Fork> forks;  ///< one inside another behind that
  std::vector<Buffer> buffers;
  std::vector<int> arguments;    ///< single values that the function is given, by number
  double arguments_bytes = 0.0;  ///< ... of these
  int branches = 0;              ///< of cf, that are no loop's: what they lead to is counted once each
  int unknown_operations = 0;    ///< on shaped values, of which nothing is known but the shapes
  int unknown_steps = 0;         ///< operations on single values of which nothing is known: a step each
  int unknown_regions = 0;       ///< of operations that are not known: what stands there is counted once
  int even_branches = 0;         ///< conditions that are not known: each side is counted evenly
  int unknown_calls = 0;         ///< of what the text does not define: the call alone is counted
  int cut_calls = 0;             ///< not followed: too deep, or after too many operations
  int recursive_calls = 0;       ///< of a function that is being walked: not followed

  static constexpr int kHeap = -2;
  /// The memory that a buffer (not -1) is in, by its root's number: kHeap for all on the heap. Of different
  /// ones a compiler knows that they do not meet, for of the function's arguments it is told.
  int memory(int buffer) const {
    const Buffer& one = buffers[static_cast<std::size_t>(buffer)];
    return one.heap ? kHeap : one.root >= 0 ? one.root : buffer;
  }
  /// Whether a compiler has to take two buffers for one.
  bool meet(int a, int b) const { return a == b || (a >= 0 && b >= 0 && memory(a) == memory(b)); }
  /// Whether `loop` is `around` or stands inside it.
  bool inside(int loop, int around) const;
  /// Whether iterations of a loop (not -1) move an index by what its terms say.
  bool told(const Index& index, int loop) const {
    return (index.exact && !index.indirect) || (index.unknown != kNoValue && !inside(index.within, loop));
  }
  /// The same of all indices of an access.
  bool told(const Access& access, int loop) const {
    return std::all_of(access.indices.begin(), access.indices.end(),
                       [&](const Index& index) { return told(index, loop); });
  }
};

/// Elements from one position of a buffer's dimensions to the next, asked for from the last to the first.
class Strides {
 public:
  /// `unknown` is what stands for a stride that the text leaves open, `size` for such a size.
  Strides(const Nest::Buffer& buffer, double unknown, double size)
      : buffer_(buffer), unknown_(unknown), size_(size) {}

  double of(std::size_t dimension) {
    const bool given = dimension < buffer_.strides.size();
    if (given)
      unit_ =
          buffer_.strides[dimension] == kDynamic ? unknown_ : static_cast<double>(buffer_.strides[dimension]);
    const double stride = unit_;
    if (buffer_.strides.empty() && dimension < buffer_.shape.size())
      unit_ *= buffer_.shape[dimension] == kDynamic
                   ? size_
                   : static_cast<double>(std::max<std::int64_t>(1, buffer_.shape[dimension]));
    return stride;
  }

 private:
  const Nest::Buffer& buffer_;
  double unknown_, size_, unit_ = 1.0;
};

/// What an iteration of a loop gets from those before it through memory.
enum class Carried {
  nothing,
  in_place,  ///< the element that they loaded and stored
  onward     ///< an element that one of the kReach iterations before it stored
};
inline constexpr double kReach = 16.0;
/// Of a load and a store of one buffer whose indices move alike; else nothing. Exact where indices are.
Carried carried_by(const Nest::Access& load, const Nest::Access& store, int loop);

/// Of one operation of Module::functions().
Nest nest(const Module& module, int function);

}  // namespace hone::cost::mlir
