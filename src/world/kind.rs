//! What there is in the world: kinds of entities, their colours and sizes, and the words for them.

use super::random::Random;

/// A kind of entity; the entity class of the scene graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Pointed ears, snout, bushy tail.
    Fox,
    /// Round, beak, wing.
    Bird,
    /// Long and flat with a tail fin.
    Fish,
    /// Upright, two long ears.
    Rabbit,
    /// Square, antenna, two legs.
    Robot,
    /// Dome with a wavy hem.
    Ghost,
    /// Disc with a light band.
    Ball,
    /// Open crate: a frame around a dark inside.
    Box,
    /// Five-pointed star.
    Star,
    /// Hoop one can see through.
    Ring,
    /// Crown on a trunk.
    Tree,
    /// Cup with a handle.
    Cup,
    /// Upright key.
    Key,
}

impl Kind {
    /// All kinds; the position is the kind's number.
    pub const ALL: [Self; 13] = [
        Self::Fox,
        Self::Bird,
        Self::Fish,
        Self::Rabbit,
        Self::Robot,
        Self::Ghost,
        Self::Ball,
        Self::Box,
        Self::Star,
        Self::Ring,
        Self::Tree,
        Self::Cup,
        Self::Key,
    ];
    /// The first six kinds act; the others are things that are acted on.
    pub const ACTORS: usize = 6;

    /// The class name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fox => "fox",
            Self::Bird => "bird",
            Self::Fish => "fish",
            Self::Rabbit => "rabbit",
            Self::Robot => "robot",
            Self::Ghost => "ghost",
            Self::Ball => "ball",
            Self::Box => "box",
            Self::Star => "star",
            Self::Ring => "ring",
            Self::Tree => "tree",
            Self::Cup => "cup",
            Self::Key => "key",
        }
    }

    /// Whether it moves by itself.
    pub const fn is_actor(self) -> bool {
        (self as usize) < Self::ACTORS
    }

    /// Whether others can be inside it.
    pub const fn is_container(self) -> bool {
        matches!(self, Self::Box | Self::Ring)
    }

    /// A drawn kind: an actor or a thing.
    pub fn draw(random: &mut Random, actor: bool) -> Self {
        let kinds = if actor { &Self::ALL[..Self::ACTORS] } else { &Self::ALL[Self::ACTORS..] };
        *random.pick(kinds).unwrap_or(&Self::Ball)
    }
}

/// A colour with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Color {
    /// Red.
    Red,
    /// Orange.
    Orange,
    /// Yellow.
    Yellow,
    /// Green.
    Green,
    /// Blue.
    Blue,
    /// Purple.
    Purple,
    /// White.
    White,
    /// Black.
    Black,
}

impl Color {
    /// All colours.
    pub const ALL: [Self; 8] =
        [Self::Red, Self::Orange, Self::Yellow, Self::Green, Self::Blue, Self::Purple, Self::White, Self::Black];

    /// The attribute word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Purple => "purple",
            Self::White => "white",
            Self::Black => "black",
        }
    }

    /// The nominal RGB value, before jitter and shading.
    pub const fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [222, 32, 38],
            Self::Orange => [252, 132, 10],
            Self::Yellow => [250, 226, 40],
            Self::Green => [36, 176, 60],
            Self::Blue => [38, 82, 230],
            Self::Purple => [158, 52, 200],
            Self::White => [246, 246, 250],
            Self::Black => [34, 34, 42],
        }
    }

    /// A drawn colour.
    pub fn draw(random: &mut Random) -> Self {
        *random.pick(&Self::ALL).unwrap_or(&Self::Red)
    }
}

/// How large an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Size {
    /// About 21 pixels.
    Small,
    /// About 29 pixels.
    Medium,
    /// About 41 pixels.
    Large,
}

impl Size {
    /// All sizes, ascending.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// The attribute word ("medium" stands in graphs only: captions leave it out, as people do).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    /// Half the nominal extent in pixels.
    pub const fn half_extent(self) -> i32 {
        match self {
            Self::Small => 10,
            Self::Medium => 14,
            Self::Large => 20,
        }
    }
}

/// How one entity looks: what a noun phrase can tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Look {
    /// Its kind.
    pub kind: Kind,
    /// Its colour.
    pub color: Color,
    /// Its size.
    pub size: Size,
}
