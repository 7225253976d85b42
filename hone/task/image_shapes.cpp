// Drawn shapes. A shape is a signed distance, negative inside, in a plane where its size is about 1; a pixel
// is shaded by how far it lies inside.
#include <algorithm>
#include <array>
#include <cmath>

#include "hone/base/numbers.h"
#include "hone/base/rng.h"
#include "hone/task/images.h"

namespace hone::task {
namespace {

struct Spot {
  double x, y;
};

double box(Spot p, double width, double height) {
  const double x = std::abs(p.x) - width, y = std::abs(p.y) - height;
  return std::hypot(std::max(x, 0.0), std::max(y, 0.0)) + std::min(std::max(x, y), 0.0);
}

double disc(Spot p, double radius) { return std::hypot(p.x, p.y) - radius; }

double segment(Spot p, Spot a, Spot b, double thickness) {
  const double dx = b.x - a.x, dy = b.y - a.y;
  const double along = std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / (dx * dx + dy * dy), 0.0, 1.0);
  return std::hypot(p.x - a.x - along * dx, p.y - a.y - along * dy) - thickness;
}

/// Equilateral, as three half planes.
double triangle(Spot p) {
  double distance = -1e9;
  for (int k = 0; k < 3; ++k) {
    const double angle = 2.0 * kPi * k / 3.0 + kPi / 2.0;
    distance = std::max(distance, p.x * std::cos(angle) + p.y * std::sin(angle) - 0.55);
  }
  return distance;
}

double distance_to(int shape, Spot p) {
  switch (shape) {
    case 0:
      return disc(p, 0.85);
    case 1:
      return std::abs(disc(p, 0.75)) - 0.2;
    case 2:
      return box(p, 0.75, 0.75);
    case 3:
      return std::abs(box(p, 0.7, 0.7)) - 0.18;
    case 4:
      return triangle(p);
    case 5:
      return std::min(box(p, 0.95, 0.22), box(p, 0.22, 0.95));
    case 6:
      return box(p, 1.0, 0.25);
    case 7:
      return std::min(segment(p, {-0.6, -0.7}, {-0.6, 0.7}, 0.22), segment(p, {-0.6, 0.7}, {0.6, 0.7}, 0.22));
    case 8:
      return std::max(disc(p, 0.9), -disc({p.x - 0.45, p.y}, 0.7));
    default:
      return std::min(disc({p.x - 0.6, p.y}, 0.4), disc({p.x + 0.6, p.y}, 0.4));
  }
}

void draw(int shape, int side, Rng& rng, std::uint8_t* pixels) {
  const double half = side / 2.0;
  const double size = half * rng.uniform(0.5, 0.8);
  const double reach = half - 0.8 * size;  // the middle stays where the shape is mostly seen
  const Spot middle{half + rng.uniform(-reach, reach) * 0.8, half + rng.uniform(-reach, reach) * 0.8};
  const double turn = rng.uniform(-0.5, 0.5);
  const double stretch = rng.uniform(0.85, 1.15);
  const double ground = rng.uniform(40.0, 215.0);
  const double contrast = (ground < 128.0 ? 1.0 : -1.0) * rng.uniform(60.0, 120.0);
  const double slant_x = rng.uniform(-40.0, 40.0) / side, slant_y = rng.uniform(-40.0, 40.0) / side;
  const double noise = rng.uniform(4.0, 18.0);
  struct Stroke {
    Spot a, b;
    double shade;
  };
  std::array<Stroke, 2> strokes;
  const auto strokes_drawn = rng.below(strokes.size() + 1);
  for (Stroke& stroke : strokes)
    stroke = {{rng.uniform(0.0, side), rng.uniform(0.0, side)},
              {rng.uniform(0.0, side), rng.uniform(0.0, side)},
              rng.uniform(-60.0, 60.0)};
  for (int row = 0; row < side; ++row)
    for (int column = 0; column < side; ++column) {
      const Spot at{column + 0.5, row + 0.5};
      double shade = ground + slant_x * (at.x - half) + slant_y * (at.y - half);
      for (std::uint64_t k = 0; k < strokes_drawn; ++k)
        shade += strokes[k].shade *
                 std::clamp(0.5 - segment(at, strokes[k].a, strokes[k].b, side / 40.0), 0.0, 1.0);
      const double dx = at.x - middle.x, dy = at.y - middle.y;
      const Spot own{(dx * std::cos(turn) + dy * std::sin(turn)) / (size * stretch),
                     (dy * std::cos(turn) - dx * std::sin(turn)) / size * stretch};
      shade += contrast * std::clamp(0.5 - distance_to(shape, own) * size, 0.0, 1.0);
      shade += noise * rng.normal();
      *pixels++ = static_cast<std::uint8_t>(std::clamp(std::round(shade), 0.0, 255.0));
    }
}

}  // namespace

LabelledImages drawn_shapes(std::size_t n, int side, std::uint64_t seed) {
  LabelledImages images;
  const auto bytes = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  images.pixels.resize(n * bytes);
  for (std::size_t i = 0; i < n; ++i) {
    Rng rng(seed, "shape", i);
    const auto shape = static_cast<int>(rng.below(kShapeClasses));
    images.labels.push_back(static_cast<std::uint8_t>(shape));
    draw(shape, side, rng, images.pixels.data() + i * bytes);
  }
  return images;
}

}  // namespace hone::task
