//! Images that a model made, as OpenRouter and others of OpenAI's look-alikes tell them: `images`
//! beside `content`, in the form that images have in requests. OpenAI's own models make none here.

use crate::chat::Media;
use crate::chat::MediaKind;
use crate::chat::Source;
use crate::codec::json::List;
use crate::codec::json::Object;
use crate::protocol::openai::chat::request::write_data_url;

/// Whether there is a place for it.
pub fn shows(media: &Media<'_>) -> bool {
    media.kind == MediaKind::Image && matches!(media.source, Source::Base64(_) | Source::Url(_))
}

/// Adds those that there is a place for, if there are any, to a message or a piece of one.
pub(in crate::protocol::openai::chat) fn write<'m, 'a: 'm>(
    media: impl IntoIterator<Item = &'m Media<'a>>,
    message: &mut Object<'_>,
) {
    let mut images = media.into_iter().filter(|media| shows(media)).peekable();
    if images.peek().is_none() {
        return;
    }
    let out = message.key("images");
    let mut list = List::open(out);
    for image in images {
        list.next(out);
        let mut object = Object::open(out);
        object.word("type", "image_url");
        let mut inner = Object::open(object.key("image_url"));
        match &image.source {
            Source::Base64(data) => write_data_url(image.mime.as_ref(), data, inner.key("url")),
            Source::Url(url) => url.write(inner.key("url")),
            Source::Plain(_) | Source::File(..) => {}
        }
        inner.close();
        object.close();
    }
    out.push(b']');
}
