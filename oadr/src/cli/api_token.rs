//! Where the commands find the token of the operator API.
//!
//! Knows nothing of what it opens.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use hyper::header::HeaderValue;

use super::api_error::Error;
use crate::api::token::{FILE, Token, TokenError};

/// The data folder of a VTN that was told no other.
pub(super) const DATA: &str = "oadr-vtn";

/// Where the token is. The nearer word counts: options before variables, the token itself before its
/// file, the file before the folder that it is in.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TokenArgs {
    /// The file with the API's token [env: OADR_TOKEN_FILE, or the token itself: OADR_TOKEN]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        display_order = 1001,
        conflicts_with = "data"
    )]
    token_file: Option<PathBuf>,

    /// The VTN's data folder, which has the token in it [env: OADR_DATA] [default: oadr-vtn, for an API
    /// on this machine]
    #[arg(long, global = true, value_name = "FOLDER", display_order = 1002)]
    data: Option<PathBuf>,
}

/// The token as a request presents it, and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Presented {
    pub(crate) header: HeaderValue,
    pub(crate) origin: String,
}

impl TokenArgs {
    /// The token, if one is found. `variable` reads the environment, and `is_local` says whether the API
    /// is on this machine: no other is told a token that nobody meant for it.
    ///
    /// # Errors
    /// What was named has no token.
    pub(super) fn find(
        &self,
        variable: impl Fn(&str) -> Option<OsString>,
        is_local: bool,
    ) -> Result<Option<Presented>, Error> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        if let Some(file) = &self.token_file {
            return read(file).map(Some);
        }
        if let Some(folder) = &self.data {
            return read(&folder.join(FILE)).map(Some);
        }
        if let Some(text) = variable("OADR_TOKEN") {
            let token = text.to_str().and_then(Token::parse);
            let token = token.ok_or(Error::BadTokenVariable)?;
            return present(&token, "OADR_TOKEN".to_owned()).map(Some);
        }
        if let Some(file) = variable("OADR_TOKEN_FILE") {
            return read(Path::new(&file)).map(Some);
        }
        // The folder of a VEN perhaps: nobody said that there is a token in it.
        if let Some(folder) = variable("OADR_DATA") {
            let found = read_if_there(&Path::new(&folder).join(FILE))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        if is_local {
            return read_if_there(&Path::new(DATA).join(FILE));
        }
        Ok(None)
    }
}

/// The token in a file.
///
/// # Errors
/// There is none.
pub(crate) fn read(path: &Path) -> Result<Presented, Error> {
    let token = Token::read(path).map_err(Error::Token)?;
    present(&token, path.display().to_string())
}

fn read_if_there(path: &Path) -> Result<Option<Presented>, Error> {
    match read(path) {
        Err(Error::Token(TokenError::Io { source, .. }))
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        read => read.map(Some),
    }
}

fn present(token: &Token, origin: String) -> Result<Presented, Error> {
    let header = HeaderValue::try_from(format!("Bearer {}", token.reveal()));
    let mut header = header.map_err(|error| Error::Request(error.into()))?;
    header.set_sensitive(true);
    Ok(Presented { header, origin })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::temp_dir::TempDir;

    const ONE: &str = "token-number-one";
    const TWO: &str = "token-number-two";
    const THREE: &str = "token-number-three";

    /// What is found: with these options, and these variables.
    fn find(args: TokenArgs, variables: &[(&str, &Path)]) -> Result<Option<String>, Error> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        };
        let found = args.find(variable, false)?;
        Ok(found.map(|presented| presented.header.to_str().unwrap().to_owned()))
    }

    #[test]
    fn the_nearer_word_counts() {
        let temp = TempDir::new("tokens").unwrap();
        let (folder, file) = (temp.path(), temp.path().join("file"));
        fs::write(folder.join(FILE), format!("{ONE}\n")).unwrap();
        fs::write(&file, TWO).unwrap();
        let [one, two, three] = [ONE, TWO, THREE].map(|token| Some(format!("Bearer {token}")));
        let none = TokenArgs::default;
        let of_file = || TokenArgs {
            token_file: Some(file.clone()),
            data: None,
        };
        let of_folder = || TokenArgs {
            token_file: None,
            data: Some(folder.to_owned()),
        };
        let token = ("OADR_TOKEN", Path::new(THREE));
        let token_file = ("OADR_TOKEN_FILE", file.as_path());
        let data = ("OADR_DATA", folder);
        assert_eq!(find(of_file(), &[token, data]).unwrap(), two);
        assert_eq!(find(of_folder(), &[token, token_file]).unwrap(), one);
        assert_eq!(find(none(), &[token, token_file, data]).unwrap(), three);
        assert_eq!(find(none(), &[token_file, data]).unwrap(), two);
        assert_eq!(find(none(), &[data]).unwrap(), one);
        assert_eq!(find(none(), &[]).unwrap(), None);
        // Said without a value is not said, and a folder without a token is perhaps a VEN's.
        let empty = ("OADR_TOKEN", Path::new(""));
        assert_eq!(find(none(), &[empty, data]).unwrap(), one);
        let elsewhere = folder.join("elsewhere");
        assert_eq!(find(none(), &[("OADR_DATA", &elsewhere)]).unwrap(), None);
    }

    #[test]
    fn what_was_named_and_has_no_token_is_told() {
        let temp = TempDir::new("tokens").unwrap();
        let missing = temp.path().join("missing");
        let bad = temp.path().join("bad");
        fs::write(&bad, "a b").unwrap();
        for (token_file, data, said) in [
            (Some(&missing), None, "missing"),
            (Some(&bad), None, "bad"),
            (None, Some(&missing), "missing/api-token"),
        ] {
            let args = TokenArgs {
                token_file: token_file.cloned(),
                data: data.cloned(),
            };
            let error = find(args, &[]).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let error = find(TokenArgs::default(), &[("OADR_TOKEN", Path::new("a b"))]).unwrap_err();
        assert!(matches!(error, Error::BadTokenVariable), "{error}");
    }
}
