"""What accounts says itself, in the languages that people are written to in. Bodies of mails are templates."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "fr")

SUBJECTS: Final = {
    "en": {
        "sign_up_attempted": "Somebody tried to sign up with your address",
        "reset": "Set a new password",
        "verify_email": "Is this address yours?",
        "address_changed": "Your address or number was changed",
        "pin_code": "A code to set a new PIN",
        "step_up_code": "A code to finish your log-in",
        "link_identity": "Is this log-in yours?",
        "account_deleted": "Your account was deleted",
    },
    "fr": {
        "sign_up_attempted": "Quelqu'un a voulu ouvrir un compte avec votre adresse",
        "reset": "Choisissez un nouveau mot de passe",
        "verify_email": "Cette adresse est-elle à vous ?",
        "address_changed": "Votre adresse ou votre numéro a changé",
        "pin_code": "Un code pour choisir un nouveau PIN",
        "step_up_code": "Un code pour terminer votre connexion",
        "link_identity": "Cette connexion est-elle à vous ?",
        "account_deleted": "Votre compte a été supprimé",
    },
}

CODES: Final = {
    "en": {
        "verify": "{secret} is your Fiducia code. It is good for {minutes} minutes. Tell it to nobody.",
        "change": "{secret} is your Fiducia code. It is good for {minutes} minutes. Tell it to nobody.",
        "pin": "{secret} is your Fiducia code to set a new PIN. It is good for {minutes} minutes. Tell it to nobody.",
        "step_up": "{secret} is your Fiducia code to finish your log-in. It is good for {minutes} minutes. "
        "Tell it to nobody.",
    },
    "fr": {
        "verify": "{secret} est votre code Fiducia, valable {minutes} minutes. Ne le donnez à personne.",
        "change": "{secret} est votre code Fiducia, valable {minutes} minutes. Ne le donnez à personne.",
        "pin": "{secret} est votre code Fiducia pour le PIN, valable {minutes} minutes. Ne le donnez à personne.",
        "step_up": "{secret} est votre code Fiducia pour terminer votre connexion, valable {minutes} minutes. "
        "Ne le donnez à personne.",
    },
}

ADDRESSES: Final = {
    "en": {"email": "The e-mail address", "phone": "The phone number"},
    "fr": {"email": "L'adresse e-mail", "phone": "Le numéro de téléphone"},
}
CHANGED: Final = {
    "en": "{what} of your Fiducia account was changed. If it wasn't you, write to support at once.",
    "fr": "{what} de votre compte Fiducia a changé. Si ce n'est pas vous, écrivez tout de suite à l'assistance.",
}
DELETED: Final = {
    "en": "Fiducia: your account was deleted. If it wasn't you who asked for it, write to support.",
    "fr": "Fiducia : votre compte a été supprimé. Si vous ne l'avez pas demandé, écrivez à l'assistance.",
}


def language_of(tag: str) -> str:
    """Return the language that a person is written to in: French, or English for all others."""
    return "fr" if tag.partition("-")[0].lower() == "fr" else "en"
