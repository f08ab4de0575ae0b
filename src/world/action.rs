//! Predicates: what can be done to what, which say the same, and how English inflects them.

use super::kind::{Kind, Look, Size};

/// A predicate of the scene graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Predicate {
    /// The subject shoves the object along, in contact.
    Push,
    /// One stroke, and the object flies off.
    Kick,
    /// Hunts after a running object and closes in.
    Chase,
    /// Walks behind a walking object at a constant distance.
    Follow,
    /// Runs away from the standing object.
    FleeFrom,
    /// Runs around the object.
    Circle,
    /// Comes up to the object and nudges it.
    Touch,
    /// Lifts the object onto its head.
    PickUp,
    /// Sets the object on its head down at its side.
    PutDown,
    /// Walks with the object on its head.
    Carry,
    /// Leaps over the object.
    JumpOver,
    /// Goes behind the larger object.
    HideBehind,
    /// Goes inside the larger open object.
    Enter,
    /// Spatial: higher in the picture, roughly over it.
    Above,
    /// Spatial: lower in the picture, roughly under it.
    Below,
    /// Spatial: to the left, at about the same height.
    LeftOf,
    /// Spatial: to the right, at about the same height.
    RightOf,
    /// Spatial: side by side with a small gap.
    NextTo,
    /// Spatial: within the opening of a container.
    Inside,
}

impl Predicate {
    /// All predicates: the actions, then the spatial relations.
    pub const ALL: [Self; 19] = [
        Self::Push,
        Self::Kick,
        Self::Chase,
        Self::Follow,
        Self::FleeFrom,
        Self::Circle,
        Self::Touch,
        Self::PickUp,
        Self::PutDown,
        Self::Carry,
        Self::JumpOver,
        Self::HideBehind,
        Self::Enter,
        Self::Above,
        Self::Below,
        Self::LeftOf,
        Self::RightOf,
        Self::NextTo,
        Self::Inside,
    ];
    /// The first thirteen are actions.
    pub const ACTIONS: usize = 13;

    /// The actions.
    pub fn actions() -> &'static [Self] {
        &Self::ALL[..Self::ACTIONS]
    }

    /// The name in a scene graph, spelt as VidOR spells its predicates.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Kick => "kick",
            Self::Chase => "chase",
            Self::Follow => "follow",
            Self::FleeFrom => "flee_from",
            Self::Circle => "circle",
            Self::Touch => "touch",
            Self::PickUp => "pick_up",
            Self::PutDown => "put_down",
            Self::Carry => "carry",
            Self::JumpOver => "jump_over",
            Self::HideBehind => "hide_behind",
            Self::Enter => "enter",
            Self::Above => "above",
            Self::Below => "below",
            Self::LeftOf => "left_of",
            Self::RightOf => "right_of",
            Self::NextTo => "next_to",
            Self::Inside => "inside",
        }
    }

    /// The predicate of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|predicate| predicate.name() == name)
    }

    /// Whether somebody does it, as against something being somewhere.
    pub const fn is_action(self) -> bool {
        (self as usize) < Self::ACTIONS
    }

    /// Whether it can be fast or slow.
    pub const fn has_manner(self) -> bool {
        matches!(self, Self::Push | Self::Chase | Self::Follow | Self::FleeFrom | Self::Circle | Self::Carry)
    }

    /// Whether the object is off its feet while or after it: such events of one pair only make sense in one order.
    pub const fn holds_object(self) -> bool {
        matches!(self, Self::PickUp | Self::PutDown | Self::Carry)
    }

    /// "pushes", "picks up"; "is above" for relations.
    pub const fn third_person(self) -> &'static str {
        match self {
            Self::Push => "pushes",
            Self::Kick => "kicks",
            Self::Chase => "chases",
            Self::Follow => "follows",
            Self::FleeFrom => "flees from",
            Self::Circle => "circles",
            Self::Touch => "touches",
            Self::PickUp => "picks up",
            Self::PutDown => "puts down",
            Self::Carry => "carries",
            Self::JumpOver => "jumps over",
            Self::HideBehind => "hides behind",
            Self::Enter => "enters",
            Self::Above => "is above",
            Self::Below => "is below",
            Self::LeftOf => "is left of",
            Self::RightOf => "is right of",
            Self::NextTo => "is next to",
            Self::Inside => "is inside",
        }
    }

    /// "pushing", "picking up"; "above" for relations.
    pub const fn participle(self) -> &'static str {
        match self {
            Self::Push => "pushing",
            Self::Kick => "kicking",
            Self::Chase => "chasing",
            Self::Follow => "following",
            Self::FleeFrom => "fleeing from",
            Self::Circle => "circling",
            Self::Touch => "touching",
            Self::PickUp => "picking up",
            Self::PutDown => "putting down",
            Self::Carry => "carrying",
            Self::JumpOver => "jumping over",
            Self::HideBehind => "hiding behind",
            Self::Enter => "entering",
            Self::Above => "above",
            Self::Below => "below",
            Self::LeftOf => "left of",
            Self::RightOf => "right of",
            Self::NextTo => "next to",
            Self::Inside => "inside",
        }
    }

    /// "chased", for "the one chased by …"; only actions that somebody can be the patient of and go on.
    pub const fn passive(self) -> Option<&'static str> {
        match self {
            Self::Push => Some("pushed"),
            Self::Chase => Some("chased"),
            Self::Follow => Some("followed"),
            Self::Circle => Some("circled"),
            Self::Touch => Some("touched"),
            _ => None,
        }
    }

    /// Whether `subject` can do it to `object`, in a clip as in a caption.
    pub fn allows(self, subject: Look, object: Look) -> bool {
        let large = subject.size < object.size;
        let fixed = object.kind == Kind::Tree;
        if self.is_action() && !subject.kind.is_actor() {
            return false;
        }
        match self {
            Self::Push => !fixed,
            Self::Kick => !object.kind.is_actor() && !fixed && object.size < Size::Large,
            Self::Chase | Self::Follow => object.kind.is_actor() || object.kind == Kind::Ball,
            Self::FleeFrom => object.kind.is_actor() || object.size == Size::Large,
            Self::Circle | Self::Touch => true,
            Self::PickUp | Self::PutDown | Self::Carry => {
                !fixed && object.size <= subject.size && object.size < Size::Large
            }
            Self::JumpOver => object.size < Size::Large,
            Self::HideBehind => large && object.kind != Kind::Ring && object.kind != Kind::Key,
            Self::Enter => large && object.kind.is_container() && object.size == Size::Large,
            Self::Inside => large && object.kind.is_container(),
            Self::Above | Self::Below | Self::LeftOf | Self::RightOf | Self::NextTo => true,
        }
    }

    /// Whether "subject self object" also makes "subject other object" true.
    pub fn entails(self, other: Self) -> bool {
        self == other
            || match self {
                Self::Push | Self::Kick | Self::PickUp | Self::PutDown => other == Self::Touch,
                Self::Carry => matches!(other, Self::Touch | Self::Above),
                Self::Chase => other == Self::Follow,
                Self::Enter => matches!(other, Self::Inside | Self::Touch),
                Self::HideBehind => other == Self::Touch,
                _ => false,
            }
    }

    /// Whether a viewer could take one for the other, so that neither may stand for a falsehood about the other.
    pub fn resembles(self, other: Self) -> bool {
        self.entails(other)
            || other.entails(self)
            || matches!(
                (self, other),
                (Self::Enter, Self::HideBehind | Self::JumpOver) | (Self::HideBehind | Self::JumpOver, Self::Enter)
            )
    }
}

/// How an action is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Manner {
    /// At least twice as fast as slowly.
    Fast,
    /// Slowly.
    Slowly,
}

impl Manner {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Fast, Self::Slowly];

    /// The adverb.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Slowly => "slowly",
        }
    }

    /// The other one.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Fast => Self::Slowly,
            Self::Slowly => Self::Fast,
        }
    }
}
