//! The members of a request that a protocol decides on, each at most once.

use std::borrow::Cow;
use std::marker::PhantomData;

use crate::chat::Extra;
use crate::chat::Json;
use crate::chat::Text;
use crate::codec::json::Kind;
use crate::codec::json::Member;
use crate::codec::json::Str;
use crate::codec::json::Value;
use crate::error::Error;

/// A member of a request, as [`fields`] names them.
pub(in crate::protocol) trait Named: Copy {
    /// The one of this name.
    fn of(name: &[u8]) -> Option<Self>;

    /// Its position among all.
    fn at(self) -> usize;

    /// Its name.
    fn name(self) -> &'static str;

    /// A 400 about it.
    fn wrong(self, rule: &str) -> Error {
        Error::field(self.name(), format!("`{}` {rule}", self.name()))
    }
}

/// Makes the `enum Field` of a request's members, and `Fields` to hold their values.
macro_rules! fields {
    ($($field:ident $name:literal,)*) => {
        /// A member of a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Field { $($field,)* }

        impl $crate::protocol::fields::Named for Field {
            fn of(name: &[u8]) -> Option<Self> {
                // One after the other, yet the compiler tells them apart by length first.
                $(if name == $name.as_bytes() {
                    return Some(Self::$field);
                })*
                None
            }

            fn at(self) -> usize {
                self as usize
            }

            fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)* }
            }
        }

        /// The members of one request.
        pub(super) type Fields<'a> =
            $crate::protocol::fields::Fields<'a, Field, { [$($name,)*].len() }>;
    };
}

pub(in crate::protocol) use fields;

/// The members of one request. One that is null counts as absent.
#[derive(Debug)]
pub(in crate::protocol) struct Fields<'a, F, const N: usize> {
    values: [Option<Value<'a>>; N],
    /// Those that are only carried.
    pub(in crate::protocol) extra: Vec<Extra<'a>>,
    field: PhantomData<F>,
}

impl<'a, F: Named, const N: usize> Fields<'a, F, N> {
    /// Finds them in `body`. `name` is how names are read, and `extra` makes what is only carried.
    ///
    /// # Errors
    /// A 400 about one that stands there twice.
    #[inline]
    pub(in crate::protocol) fn read(
        body: Value<'a>,
        name: impl Fn(Str<'a>) -> Cow<'a, [u8]>,
        extra: impl Fn(&Member<'a>) -> Extra<'a>,
    ) -> Result<Self, Error> {
        let mut found = Self { values: [None; N], extra: Vec::new(), field: PhantomData };
        let mut twice = None;
        for member in body.members() {
            let Some(field) = F::of(&name(member.key)) else {
                if !member.value.is_null() {
                    found.extra.push(extra(&member));
                }
                continue;
            };
            let place = found.values.get_mut(field.at());
            if place.and_then(|place| place.replace(member.value)).is_some() {
                twice.get_or_insert(field);
            }
        }
        match twice {
            Some(field) => Err(field.wrong("stands in the request twice")),
            None => Ok(found),
        }
    }

    /// A member.
    pub(in crate::protocol) fn get(&self, field: F) -> Option<Value<'a>> {
        self.values.get(field.at()).copied().flatten().filter(|value| !value.is_null())
    }

    /// A member that must be there.
    pub(in crate::protocol) fn need(&self, field: F) -> Result<Value<'a>, Error> {
        self.get(field).ok_or_else(|| field.wrong("is missing"))
    }

    /// A member that `read` takes, or a 400 that says what it must be.
    pub(in crate::protocol) fn all<T>(
        &self,
        field: F,
        read: impl FnOnce(Value<'a>) -> Option<T>,
        rule: &str,
    ) -> Result<Option<T>, Error> {
        let Some(value) = self.get(field) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| field.wrong(rule))
    }

    /// A member that is a string.
    pub(in crate::protocol) fn text(&self, field: F) -> Result<Option<Text<'a>>, Error> {
        self.all(field, Text::from_value, "must be a string")
    }

    /// A member that is true or false.
    pub(in crate::protocol) fn truth(&self, field: F) -> Result<Option<bool>, Error> {
        self.all(field, Value::as_bool, "must be true or false")
    }

    /// A member that is a count.
    pub(in crate::protocol) fn count(&self, field: F) -> Result<Option<u64>, Error> {
        self.all(field, Value::as_u64, "must be an integer that is not negative")
    }

    /// A member that is a number, as it was written.
    pub(in crate::protocol) fn number(&self, field: F) -> Result<Option<Json<'a>>, Error> {
        self.all(field, number, "must be a number")
    }

    /// A member that is an array.
    pub(in crate::protocol) fn array(&self, field: F) -> Result<Option<Value<'a>>, Error> {
        self.all(field, |value| of_kind(value, Kind::Array), "must be an array")
    }

    /// A member that is an object.
    pub(in crate::protocol) fn object(&self, field: F) -> Result<Option<Value<'a>>, Error> {
        self.all(field, |value| of_kind(value, Kind::Object), "must be an object")
    }
}

/// The value if it is of this kind.
pub(in crate::protocol) fn of_kind(value: Value<'_>, kind: Kind) -> Option<Value<'_>> {
    (value.kind() == kind).then_some(value)
}

/// The number as it was written, if it is one.
pub(in crate::protocol) fn number(value: Value<'_>) -> Option<Json<'_>> {
    of_kind(value, Kind::Number).map(Json::of)
}
